"""The fence around the embedded engine: one folder, no network, no privileges, bounded memory.

    confine(folder) --> Landlock     files: only the folder is writable, programs are readable
                                     TCP: neither bind nor connect
                    --> namespace    a network of its own without a single interface
                    --> no rights    no capability of root; running a program cannot gain one

The kernel enforces these for the process and all threads that it starts later. Call `confine`
before loading the engine, which starts threads at once. Sockets that are already open (the one that
the owner listens on) stay open. `confine` returns the parts of the fence that the system lacks, and
`/readyz` shows them; statements are vetted in any case.
"""

import ctypes
import os
import resource
import struct
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
PATH_BENEATH, VERSION = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
DIRECTORY_ONLY = READ_DIR | 0x1FF0  # make and remove entries, REFER
READ = READ_FILE | READ_DIR
FILES_OF_ABI = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
NETWORK, SCOPES = 3, 3  # bind and connect; abstract sockets and signals
NETWORK_ABI, SCOPE_ABI = 4, 6
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, CAPABILITY_V3 = 38, 24, 0x20080522
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000

MEMORY_MAX = 4 << 30  # bytes resident
ADDRESSES = 16 << 30  # address space beyond it: the engine reserves more than it uses
LOOK_S = 0.05
OUT_OF_MEMORY = 4  # exit status

READABLE = (
    "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom", "/proc/self",
    "/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/sys/devices/system/cpu", "/sys/fs/cgroup",
)  # fmt: skip
WRITABLE = ("/dev/null",)


class Fence(NamedTuple):
    """The parts of the fence in force, and one line for each part that is missing."""

    files: bool
    network: bool
    missing: tuple[str, ...]


def confine(folder: Path) -> Fence:
    """Confine this process permanently; call it while the process has only one thread."""
    if sys.platform != "linux":
        return Fence(False, False, (f"{sys.platform} has no Landlock",))
    libc = ctypes.CDLL(None, use_errno=True)
    missing: list[str] = []
    own_network = _tried(missing, "a network of its own", lambda: _leave_network(libc))
    _tried(missing, "no privileges", lambda: _give_up_privileges(libc))
    abi = max(0, libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION))
    files = _tried(missing, "files", lambda: _landlock(libc, folder, abi))
    network = own_network or (files and abi >= NETWORK_ABI)
    if network:  # one of the two is enough
        missing = [one for one in missing if not one.startswith("a network")]
    return Fence(files, network, tuple(missing))


def memory_max() -> int:
    """Bytes that the engine's process may hold: at most six tenths of the machine."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(MEMORY_MAX, machine * 6 // 10)


def bound_memory(limit: int) -> None:
    """End this process when it holds more than `limit` bytes, whatever the engine measures."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limit + ADDRESSES, limit + ADDRESSES))
    page = os.sysconf("SC_PAGE_SIZE")
    statm = os.open("/proc/self/statm", os.O_RDONLY)

    def watch() -> None:
        while True:
            if int(os.pread(statm, 128, 0).split()[1]) * page > limit:
                os.write(2, b"a statement took more memory than the warehouse has\n")
                os._exit(OUT_OF_MEMORY)
            time.sleep(LOOK_S)

    threading.Thread(target=watch, name="memory", daemon=True).start()


def _tried(missing: list[str], what: str, act: Callable[[], None]) -> bool:
    try:
        act()
    except OSError as error:
        missing.append(f"{what}: {error.strerror or error}")
        return False
    return True


def _landlock(libc: ctypes.CDLL, folder: Path, abi: int) -> None:
    if abi < 1:
        raise OSError(0, "the kernel has no Landlock")
    if len(os.listdir("/proc/self/task")) > 1:
        raise OSError(0, "other threads run already")
    handled = FILES_OF_ABI[min(abi, max(FILES_OF_ABI))]
    attributes = struct.pack(
        "=QQQ", handled, NETWORK if abi >= NETWORK_ABI else 0, SCOPES if abi >= SCOPE_ABI else 0
    )[: 24 if abi >= SCOPE_ABI else 16 if abi >= NETWORK_ABI else 8]
    ruleset = _done(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        for path in (*READABLE, *_programs()):
            _allow(libc, ruleset, Path(path), READ & handled)
        for path in WRITABLE:
            _allow(libc, ruleset, Path(path), (READ_FILE | WRITE_FILE) & handled)
        _allow(libc, ruleset, folder, handled & ~EXECUTE)
        _done(libc.syscall(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _programs() -> Iterable[str]:
    """The directories of Python's own modules and the engine's library."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return {str(Path(sysconfig.get_path(name)).resolve()) for name in names}


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a missing path needs no rule
    try:
        if not path.is_dir():
            access &= ~DIRECTORY_ONLY
        rule = struct.pack("=Qi", access, opened)
        _done(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
    finally:
        os.close(opened)


def _leave_network(libc: ctypes.CDLL) -> None:
    if os.geteuid() == 0:
        _done(libc.unshare(CLONE_NEWNET))
        return
    uid, gid = os.geteuid(), os.getegid()
    _done(libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))
    for name, text in (
        ("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1"),
    ):  # fmt: skip
        Path(f"/proc/self/{name}").write_text(text)


def _give_up_privileges(libc: ctypes.CDLL) -> None:
    _done(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails harmlessly without privileges
    header, none = struct.pack("=Ii", CAPABILITY_V3, 0), bytes(24)
    _done(libc.capset(header, none))


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
