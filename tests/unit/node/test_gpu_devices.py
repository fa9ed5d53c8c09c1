"""Which device files a node's GPUs have, and which of them a job is kept from."""

from pathlib import Path

import pytest

from oar.node.device_filter import device_filter
from oar.node.device_rules import deny, device_of
from oar.node.gpu_devices import denied_devices, gpus_of_node
from oar.node.manager_job import Refused


def put(root: Path, path: str, text: str = "") -> None:
    file = root / path.strip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def nvidia(tmp_path: Path) -> str:
    """Two GPUs, the first one cut into instances; a graphics card of the board beside them."""
    for path in ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-caps/nvidia-cap12"):
        put(tmp_path, path)
    for number, address in ((0, "0000:81:00.0"), (1, "0000:01:00.0")):
        put(tmp_path, f"/proc/driver/nvidia/gpus/{address}/information", f"Device Minor: \t {number}\n")
        put(tmp_path, f"/sys/bus/pci/devices/{address}/drm/card{number + 1}/dev")
        put(tmp_path, f"/dev/dri/card{number + 1}")
    put(tmp_path, "/dev/dri/card0")
    put(tmp_path, "/proc/driver/nvidia/capabilities/gpu0/mig/gi1/access", "DeviceFileMinor: 12\nX: 1\n")
    return str(tmp_path)


@pytest.fixture
def amd(tmp_path: Path) -> str:
    cards = (
        ("0000:c1:00.0", 128, "0x1002"),
        ("0000:03:00.0", 129, "0x1002"),
        ("0000:02:00.0", 130, "0x1a03"),
    )
    for address, number, vendor in cards:
        put(tmp_path, f"/sys/bus/pci/devices/{address}/drm/renderD{number}/dev")
        put(tmp_path, f"/sys/bus/pci/devices/{address}/vendor", vendor + "\n")
        put(tmp_path, f"/dev/dri/renderD{number}")
    return str(tmp_path)


def test_with_a_gpu_go_its_graphics_and_its_instances(nvidia: str) -> None:
    assert gpus_of_node(nvidia) == {
        0: ["/dev/nvidia0", "/dev/dri/card1", "/dev/nvidia-caps/nvidia-cap12"],
        1: ["/dev/nvidia1", "/dev/dri/card2"],
    }


def test_gpus_of_amd_are_counted_by_their_place_on_the_bus(amd: str) -> None:
    assert gpus_of_node(amd) == {0: ["/dev/dri/renderD129"], 1: ["/dev/dri/renderD128"]}


def test_a_job_is_kept_from_the_other_gpus(nvidia: str) -> None:
    assert denied_devices(["1"], nvidia) == [
        "/dev/dri/card1",
        "/dev/nvidia-caps/nvidia-cap12",
        "/dev/nvidia0",
    ]


def test_a_job_without_gpu_is_kept_from_all(nvidia: str) -> None:
    assert len(denied_devices([], nvidia)) == 5


@pytest.mark.parametrize("values", [["0", "1"], ["0,1"], ["0+1"], ["0 1"]])
def test_a_job_with_all_gpus_is_kept_from_none(nvidia: str, values: list[str]) -> None:
    assert denied_devices(values, nvidia) == []


def test_paths_name_exactly_what_is_given(nvidia: str) -> None:
    given = ["/dev/nvidia0+/dev/nvidia-caps/nvidia-cap12"]
    assert denied_devices(given, nvidia) == ["/dev/dri/card1", "/dev/dri/card2", "/dev/nvidia1"]


@pytest.mark.parametrize(
    ("value", "said"),
    [("7", "has no GPU 7"), ("/dev/nvidia9", "has no GPU /dev/nvidia9"), ("first", '"first" is no GPU')],
)
def test_a_gpu_that_is_not_there_is_refused_with_5(nvidia: str, value: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        denied_devices([value], nvidia)
    assert refused.value.code == 5


def test_a_node_without_gpus_has_nothing_to_keep_a_job_from(tmp_path: Path) -> None:
    assert denied_devices([], str(tmp_path)) == []


def test_a_node_without_the_devices_controller_refuses(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no devices controller"):
        deny(["/dev/null"], [str(tmp_path)], version=1)


def test_nothing_to_deny_needs_no_controller(tmp_path: Path) -> None:
    deny([], [str(tmp_path)], version=1)


def test_a_device_file_is_read_as_the_kernel_counts_it() -> None:
    assert device_of("/dev/null") == ("c", 1, 3)


def test_a_plain_file_is_no_device(tmp_path: Path) -> None:
    assert device_of(str(tmp_path)) is None


def test_the_filter_has_five_instructions_for_each_device() -> None:
    sizes = [len(device_filter([("c", 195, number) for number in range(count)])) // 8 for count in (1, 2)]
    assert sizes[1] - sizes[0] == 5
