"""The BPF program that denies devices to a group of cgroup v2, written and attached without any tool.

The kernel calls it when a process of the group, or of one below it, opens or makes a device. Its context
holds three words of 32 bits: the kind of the device (low half) with the kind of access, the major number, the
minor number.
"""

import ctypes
import os
import struct
import sys

SYSTEM_CALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361}
"""The number of bpf(2) by machine."""
PROG_LOAD, PROG_ATTACH = 5, 8
CGROUP_DEVICE_PROGRAM, CGROUP_DEVICE_HOOK = 15, 6
BLOCK, CHARACTER = 1, 2
LOAD_WORD, AND, JUMP_IF_OTHER, MOVE, EXIT = 0x61, 0x54, 0x55, 0xB7, 0x95
"""Codes of the instructions used, all with a constant."""


class FilterFailed(Exception):
    """The kernel, or this Python, does not let us attach the program; says why."""


def device_filter(devices: "list[tuple[str, int, int]]") -> bytes:
    """Write the program that denies these devices (kind, major, minor) and allows all others."""
    kind, major, minor = 2, 3, 4
    code = instruction(LOAD_WORD, kind, 1, 0) + instruction(AND, kind, value=0xFFFF)
    code += instruction(LOAD_WORD, major, 1, 4) + instruction(LOAD_WORD, minor, 1, 8)
    for name, major_number, minor_number in devices:
        code += instruction(JUMP_IF_OTHER, kind, offset=4, value=BLOCK if name == "b" else CHARACTER)
        code += instruction(JUMP_IF_OTHER, major, offset=3, value=major_number)
        code += instruction(JUMP_IF_OTHER, minor, offset=2, value=minor_number)
        code += instruction(MOVE, 0, value=0) + instruction(EXIT)
    return code + instruction(MOVE, 0, value=1) + instruction(EXIT)


def instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """Write one instruction for a machine that puts the low byte first."""
    return struct.pack("<BBhi", code, source << 4 | target, offset, value)


def attach(code: bytes, folder: str) -> None:
    """Attach a program to a group, in place of one of ours that is there; raises ``FilterFailed``."""
    instructions, license_name = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    size, place = len(code) // 8, ctypes.addressof(instructions)
    loaded = call(
        PROG_LOAD,
        struct.pack("=IIQQIIQ", CGROUP_DEVICE_PROGRAM, size, place, ctypes.addressof(license_name), 0, 0, 0),
    )
    try:
        group = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            call(PROG_ATTACH, struct.pack("=IIII", group, loaded, CGROUP_DEVICE_HOOK, 0))
        finally:
            os.close(group)
    finally:
        os.close(loaded)


def call(command: int, attributes: bytes) -> int:
    """Call bpf(2)."""
    number = SYSTEM_CALLS.get(os.uname().machine)
    if number is None or sys.byteorder != "little":
        raise FilterFailed(f"no BPF on {os.uname().machine}")
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    done = int(ctypes.CDLL(None, use_errno=True).syscall(number, command, buffer, len(attributes)))
    if done < 0:
        raise FilterFailed("bpf: " + os.strerror(ctypes.get_errno()))
    return done
