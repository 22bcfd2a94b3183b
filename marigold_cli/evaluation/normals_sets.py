"""The sets on which papers measure normals: where files lie, and how they are measured.

Two programs share their sets, in folders of the same names. Marigold's have arrays with x to the
right, and its numbers are means over pictures; those of the DSINE benchmark have pictures and
OpenEXR with x to the left, and its numbers, and so those of the E2E paper, are means over all
pixels of a set.
"""

from __future__ import annotations

from dataclasses import replace

from marigold_cli.evaluation.layouts import Layout
from marigold_cli.evaluation.options import DataSetName
from marigold_cli.evaluation.protocols import Protocol

_IMAGE = r"(.+)_img\.(?:png|jpg)"
_FOLDERS = {  # as archives below the bundle: "nyuv2/test" may be packed as nyuv2/test.tar
    DataSetName.NYUV2_NORMALS: "nyuv2/test.tar",
    DataSetName.SCANNET_NORMALS: "scannet/scannet.tar",
    DataSetName.IBIMS_NORMALS: "ibims/ibims.tar",
    DataSetName.SINTEL_NORMALS: "sintel/sintel.tar",
    DataSetName.DIODE_NORMALS: "diode/val.tar",
    DataSetName.OASIS_NORMALS: "oasis/val.tar",
}


def _arrays(name: DataSetName, lists: str, image: str = _IMAGE) -> Layout:
    """A set as Marigold keeps it."""
    return Layout(_FOLDERS[name], (lists,), image, r"\1_normal.npy", quantity="normals")


def _pictures(name: DataSetName, suffix: str) -> Layout:
    """A set as the DSINE benchmark keeps it; every picture with normals counts."""
    return Layout(_FOLDERS[name], (), _IMAGE, rf"\1_normal.{suffix}", quantity="normals")


NORMALS_LAYOUTS: dict[DataSetName, tuple[Layout, ...]] = {
    DataSetName.NYUV2_NORMALS: (
        _arrays(DataSetName.NYUV2_NORMALS, "nyu_normals/nyuv2_test.txt"),
        _pictures(DataSetName.NYUV2_NORMALS, "png"),
    ),
    DataSetName.SCANNET_NORMALS: (
        _arrays(DataSetName.SCANNET_NORMALS, "scannet_normals/scannet_test.txt"),
        _pictures(DataSetName.SCANNET_NORMALS, "png"),
    ),
    DataSetName.IBIMS_NORMALS: (
        _arrays(DataSetName.IBIMS_NORMALS, "ibims_normals/ibims_test.txt"),
        _pictures(DataSetName.IBIMS_NORMALS, "exr"),
    ),
    DataSetName.SINTEL_NORMALS: (_pictures(DataSetName.SINTEL_NORMALS, "exr"),),
    DataSetName.DIODE_NORMALS: (
        _arrays(
            DataSetName.DIODE_NORMALS,
            "diode_normals/diode_test.txt",
            r"((?:indoors|outdoor)/.+)\.png",
        ),
    ),
    DataSetName.OASIS_NORMALS: (
        _arrays(DataSetName.OASIS_NORMALS, "oasis_normals/oasis_test.txt"),
    ),
}
_PROTOCOLS = {
    DataSetName.NYUV2_NORMALS: Protocol("NYUv2 normals", count=654),
    DataSetName.SCANNET_NORMALS: Protocol("ScanNet normals", count=300),
    DataSetName.IBIMS_NORMALS: Protocol("iBims-1 normals", count=100),
    DataSetName.SINTEL_NORMALS: Protocol("Sintel normals"),
    DataSetName.DIODE_NORMALS: Protocol("DIODE normals", count=771, resolution=768),
    DataSetName.OASIS_NORMALS: Protocol("OASIS normals", resolution=768),
}


def normals_protocol(name: DataSetName, layout: Layout) -> Protocol:
    """How a set of normals that is kept in this way is measured."""
    is_dsine = not layout.lists
    return replace(_PROTOCOLS[name], has_x_left=is_dsine, counts_pixels=is_dsine)
