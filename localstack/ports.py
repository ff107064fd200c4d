"""The ports of a stack: chosen once, and remembered in its folder, so that stacks of several clones can run at once."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from localstack import processes
from localstack.stack import Running, Stack, StackError, load
from tooling import locks, provision
from tooling.cli import UserError
from tooling.files import write_whole

# Variable of `make up`, empty if it takes none, and default port, by use.
DEFAULTS = {
    "engine": ("PORT", 4566),
    "cart": ("CART_PORT", 4571),
    "smtp": ("SMTP_PORT", 4572),
    "console": ("CONSOLE_PORT", 4573),
    "portal": ("", 4577),
    "proxy": ("", 4575),
    "issuer": ("", 4576),
}
# What a command of its own starts too, while the stack is up.
_PAGES = ("console", "portal")
_FILE = "ports.json"
# How long another stack may take to choose its ports and to start the first process that has them.
_CHOICE_SECONDS = 20


def require_free(stack: Stack, use: str, name: str) -> None:
    """Raise StackError if the port of a use is taken, with the name of what needs it, its owner and what to do."""
    port = stack.ports[use]
    if not processes.listens(port):
        return
    variable = DEFAULTS[use][0]
    command = f"make {use} PORT=…" if use in _PAGES else f"make up {variable}=…" if variable else ""
    advice = f"stop it, or choose another port with `{command}`" if command else "stop it"
    raise StackError(f"port {port}, needed for the {name}, is taken by {processes.owner(port)}: {advice}")


def require_own(stack: Stack, use: str, name: str, running: Running) -> None:
    """End a process that has just started if another has the port of its use, and raise what `require_free` does."""
    port = stack.ports[use]
    # In this order, since it may begin to listen between the two.
    if processes.listens(port) and not processes.serves(running, port):
        processes.stop(running, 0)
        require_free(stack, use, name)


@contextmanager
def choosing() -> Iterator[None]:
    """Choose the ports of a stack and start its first process while no other stack of this user does.

    Goes on all the same where that takes long, or where the user's cache cannot be written: whatever finds its port
    taken then ends with an error.
    """
    with ExitStack() as held:
        with suppress(OSError, UserError):
            file = provision.cache() / "ports.lock"
            held.enter_context(locks.exclusive(file, _CHOICE_SECONDS, UserError(f"{file} is locked")))
        yield


def _remembered(stack: Stack) -> dict[str, int]:
    with suppress(OSError, ValueError, AttributeError):
        content = json.loads((stack.directory / _FILE).read_text())
        return {use: port for use, port in content.items() if use in DEFAULTS and isinstance(port, int)}
    return {}


def _of_other_stacks(stack: Stack) -> dict[int, str]:
    """Ports of this user's other stacks that have a process, since not all listen yet; each with the stack's name."""
    found = dict[int, str]()
    for folder in processes.stacks() - {str(stack.directory)}:
        with suppress(OSError, StackError):
            found |= dict.fromkeys(load(Path(folder)).ports.values(), f"the stack in {folder}")
    return found


def choose(stack: Stack, uses: Iterable[str], given: Mapping[str, int], any_free: bool = False) -> dict[str, str]:
    """Choose the ports of a stack: the given, else those it has or had, else the defaults, else free ones.

    Args:
        uses: What needs a port.
        given: Ports that must be used, by use.
        any_free: Prefer free ports to the defaults.

    Returns:
        By use, the owner of the port that was wanted and is taken; another port was chosen.

    Raises:
        StackError: given ports are taken or equal, and it names all of them; or a stack that is up has others.
    """
    if stack.running and any(stack.ports.get(use, port) != port for use, port in given.items()):
        raise StackError("the stack has other ports: run `make down` first")
    wanted = {use: port for use, (_, port) in DEFAULTS.items() if not any_free} | _remembered(stack) | stack.ports
    ports, moved, refused = dict[str, int](), dict[str, str](), list[str]()
    # What runs has its port already.
    kept = stack.ports if stack.running else {}
    reserved = _of_other_stacks(stack)
    for use in sorted(uses, key=lambda use: (use not in kept, use not in given, use)):
        port = given.get(use) or wanted.get(use) or processes.free_port()
        owner = None if use in kept else processes.owner(port) if processes.listens(port) else reserved.get(port)
        if owner:
            if use in given:
                refused.append(f"port {port} ({DEFAULTS[use][0]}) is taken by {owner}")
            moved[use] = f"port {port} is taken by {owner}"
            port = processes.free_port()
        ports[use] = port
        reserved[port] = f"the {use} of this stack"
    if refused:
        variables = " ".join(f"{DEFAULTS[use][0]}=…" for use in moved if use in given)
        raise StackError("\n".join([*refused, f"stop what is there, or choose others: `make up {variables}`"]))
    stack.ports = ports
    stack.directory.mkdir(parents=True, exist_ok=True)
    write_whole(stack.directory / _FILE, json.dumps(ports))
    return moved
