"""Files of weights that point elsewhere or claim too much are refused before anything is read."""

import h5py
import pytest

from keras_ts.saving import archive
from saving_helpers import refused


def malicious_weights(saved, change):
    """Put weights into a saved model that ``change`` has been at."""
    with archive.opened(saved) as opened:
        content = archive.read(opened, archive.WEIGHTS)
    path = saved.with_suffix(".hdf5")
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        change(file, next(name for name in datasets(file) if "dense" in name))
    archive.rewrite(saved, saved, {archive.WEIGHTS: path.read_bytes()})


def datasets(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names


def huge(file, name):
    del file[name]
    file.create_dataset(name, (1 << 33,), "float32", chunks=True)


def external(file, name):
    shape = file[name].shape
    del file[name]
    file.create_dataset(name, shape, "float32", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def virtual(file, name):
    shape = file[name].shape
    del file[name]
    layout = h5py.VirtualLayout(shape, "float32")
    layout[:] = h5py.VirtualSource("/etc/hostname", "data", shape)
    file.create_virtual_dataset(name, layout)


def link(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/hostname", "data")


@pytest.mark.parametrize("change", [huge, external, virtual, link])
def test_weights_that_point_elsewhere_or_claim_too_much(saved, change):
    malicious_weights(saved, change)
    refused(saved, "dense", "is refused")
