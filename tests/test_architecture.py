from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "marigold_cli"

# From the bottom to the top; a room may import from lower lines and from itself.
LAYERS = [
    {"errors", "__init__"},
    {"depth"},
    {"files", "scenes", "fit", "blocks", "metrics"},
    {"inference"},
    {"checkpoints"},
    {"batch"},
    {"doctor", "report", "evaluation", "training", "scene3d"},
    {"cli"},
    {"__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

HEAVY = {"torch", "diffusers", "transformers", "accelerate"}
TORCH_SIDE = (
    "marigold_cli.inference.",
    "marigold_cli.training.",
    "marigold_cli.scenes.",
    "marigold_cli.checkpoints.capacity",
    "marigold_cli.checkpoints.load",
    "marigold_cli.checkpoints.device",
    "marigold_cli.checkpoints.predictor",
)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = [name for name, path in MODULES.items() if path.stem == "__init__"]
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Full names of what import statements name; our own ones reduced to modules."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in full}
    return names


def ours(nodes: Iterator[ast.AST]) -> set[str]:
    return {name for name in imported(nodes) if name.split(".")[0] == PACKAGE.name}


def at_import_time(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def test_every_room_has_its_place_in_the_layers() -> None:
    rooms = {room_of(module) for module in MODULES}

    assert rooms <= RANK.keys()


def test_imports_go_down_only() -> None:
    upward = [
        f"{module} imports {name}"
        for module, tree in TREES.items()
        for name in ours(ast.walk(tree))
        if room_of(name) != room_of(module) and RANK[room_of(name)] >= RANK[room_of(module)]
    ]

    assert upward == []


def test_no_module_imports_itself_on_a_detour() -> None:
    graph = {module: ours(ast.walk(tree)) & MODULES.keys() for module, tree in TREES.items()}
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in sorted(graph[module]):
                walk(name, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def test_torch_is_imported_on_its_own_side_only() -> None:
    strays = [
        f"{module} imports {name}"
        for module, tree in TREES.items()
        for name in imported(at_import_time(tree))
        if name.split(".")[0] in HEAVY and not module.startswith(TORCH_SIDE)
    ]

    assert strays == []


def test_the_other_side_can_be_imported_without_torch() -> None:
    light = [module for module in MODULES if not module.startswith(TORCH_SIDE)]
    light.remove("marigold_cli.__main__")
    script = (
        "import importlib, sys\n"
        f"for module in {[*light, 'marigold_cli.inference.options']}:\n"
        "    importlib.import_module(module)\n"
        f"    heavy = {HEAVY} & sys.modules.keys()\n"
        "    assert not heavy, (module, heavy)\n"
    )

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr


def test_help_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "marigold_cli", "--help"]

    answer = subprocess.run(command, capture_output=True, text=True)

    assert answer.returncode == 0
    assert "Usage" in answer.stdout
    loaded = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert "typer" in loaded  # the list can be read
    assert not loaded & {*HEAVY, "huggingface_hub", "OpenEXR", "marigold_cli.batch.plan"}


def mapped(room: str) -> list[str]:
    """The modules that a room's docstring names, in lines such as "theme  name (words), name"."""
    _, lines, *_ = (ast.get_docstring(TREES[room]) or "").split("\n\n")
    bare = re.sub(r"\([^()]*\)", "", re.sub(r"^\w[\w ]*?  ", ", ", lines, flags=re.MULTILINE))
    return [name for name in re.split(r",|\band\b|\s", bare) if name]


@pytest.mark.parametrize("room", PACKAGES)
def test_a_room_s_docstring_is_a_map_of_its_modules(room: str) -> None:
    inside = (name.rpartition(".") for name in MODULES)
    there = [name for place, _, name in inside if place == room and name != "__main__"]

    assert sorted(mapped(room)) == sorted(there)


@pytest.mark.parametrize("module", MODULES)
def test_a_file_can_be_read_in_one_go(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")

    assert lines <= 260


def test_only_the_command_line_prints_and_exits() -> None:
    talkers = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        if room_of(module) not in ("cli", "__main__")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.exit", "exit")
    ]

    assert talkers == []


def test_modules_are_named_after_what_they_hold() -> None:
    empty_words = {"utils", "util", "helpers", "common", "misc", "types", "tools", "base"}

    assert {name.rpartition(".")[2] for name in MODULES} & empty_words == set()
