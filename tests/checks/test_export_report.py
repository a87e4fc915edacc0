"""A report of an export reads well, whether the file passes or not."""

from keras_ts.checks.export_report import ExportReport


def test_a_file_that_passes_is_told_in_a_sentence():
    report = ExportReport("onnx", ([(3, 12), (3, 2)], [(3, 6), (3, 2)]), 2.5e-7, 1.5, 1e-4)
    assert report.ok
    assert str(report) == (
        "onnx: the same outputs up to 2.5e-07 (they reach 1.5), at input shapes (3, 12) and (3, 2),"
        " (3, 6) and (3, 2)."
    )


def test_a_file_that_differs_is_told_with_every_difference_and_a_cure():
    named = ("Here it differs.", "There, too.")
    report = ExportReport("onnx", (), 1.0, 2.0, 1e-4, differences=named, cure="Do.")
    assert not report.ok
    assert str(report).splitlines() == [
        "The exported 'onnx' file gives other outputs than the model:",
        "Here it differs.", "There, too.", "Do.",
    ]  # fmt: skip
