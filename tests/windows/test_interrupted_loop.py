"""The loop of the guide, killed within an epoch and started again, ends as if it was not."""

from pathlib import Path

from helpers import run_fresh

ROOT = Path(__file__).parents[2]
# Runs the page's code up to the saved net, and kills the process at a write of the loop's file.
PROGRAM = """
import hashlib, os, sys
from pathlib import Path
root, folder, kill, before = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "True"
sys.path.insert(0, root + "/docs/tools")
import keras
from page import lacks, parts, unskipped

os.chdir(folder)
replace, writes = os.replace, 0

def counted(source, target):
    global writes
    writes += target == "loop.npz"
    if target == "loop.npz" and writes == kill and before:
        os._exit(9)
    replace(source, target)
    if target == "loop.npz" and writes == kill:
        os._exit(9)

os.replace = counted
page = Path(root, "docs", "data", "feeding.md").read_text()
plain = "*inputs, keras.layers.Dense(1)"
layers = "keras.layers.Dropout(0.3, seed=2), keras.layers.BatchNormalization(), "
assert page.count(plain) == 1
page = page.replace(plain, plain.replace("keras", layers + "keras"))
# Each batch is saved, and passes between the epochs move the dataset's epoch.
assert page.count("i % 100 == 0") == 2
page = page.replace("i % 100 == 0", "i % 1 == 0")
end = "    state.update(epoch="
assert page.count(end) == 2
page = page.replace(end, "    evaluate()\\n    evaluate()\\n    values = read()\\n" + end)
names = {
    "evaluate": lambda: names["net"].evaluate(names["dataset"], verbose=0),
    "read": lambda: [[v.value for v in vs] for vs in names.get("kept", [])],
    "__name__": "__main__",
    "lacks": lacks,
}
for part in unskipped(parts(page), names):
    if part.kind == "python":
        exec(part.text, names)
        if "save_model(net" in part.text:
            break
held = b"".join(keras.ops.convert_to_numpy(v).tobytes() for v in names["variables"])
print("ended", writes, hashlib.sha256(held).hexdigest())
"""


def test_a_loop_that_was_killed_ends_with_the_variables_of_one_that_was_not(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()

    def ran(folder, kill=0, before=False):
        status = 9 if kill else 0
        out = run_fresh(PROGRAM, ROOT, tmp_path / folder, kill, before, status=status)
        return None if kill else out.split("ended")[1].split()

    writes, whole = ran("whole")
    assert int(writes) == 4  # Two batches in each of two epochs.
    ran("cut", 2, before=True)  # The file of the first batch stays whole.
    ran("cut", 2)  # After the first batch of the second epoch.
    assert ran("cut") == ["1", whole]
    assert not (tmp_path / "cut" / "loop.npz").exists()
    assert (tmp_path / "cut" / "net.keras").exists()
