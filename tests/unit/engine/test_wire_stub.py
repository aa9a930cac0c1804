"""The stub of the wire submodule names what is there, with the same parameters (stubtest does not look into it)."""

import ast
import inspect
from pathlib import Path

from rheon_engine import _engine
from rheon_engine._engine import wire

STUB = Path(inspect.getfile(_engine)).parent / "_wire.pyi"


def parameters(function: ast.FunctionDef) -> list[str]:
    names = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def members(owner: object) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def actual(function: object) -> list[str]:
    assert callable(function)
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_stub_and_module_agree() -> None:
    nodes = ast.parse(STUB.read_text()).body
    functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    assert members(wire) == functions.keys() | classes.keys()
    for name, function in functions.items():
        assert actual(getattr(wire, name)) == parameters(function), name
    for name, definition in classes.items():
        native = getattr(wire, name)
        methods = {node.name: node for node in definition.body if isinstance(node, ast.FunctionDef)}
        assert members(native) == methods.keys() - {"__new__"}, name
        assert actual(native) == parameters(methods["__new__"]), name
        for method, node in methods.items():
            if callable(getattr(native, method)) and method != "__new__":
                assert actual(getattr(native, method)) == parameters(node), method
