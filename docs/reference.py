"""The reference page, from the code: ``python docs/reference.py > docs/reference.md``."""

import argparse
import inspect
import textwrap
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from convoy.doors import DOORS
from search.proposals import samplers, schedulers
from search.space.json_schema import described, recipe_keys, schema
from search.trials.files import METRICS
from trainables import architectures

FILE = Path(__file__).with_suffix(".md")

_HEAD = """\
# Reference

Every flag of every command, every key of a space file, and every metric of an epoch. This page
is made from the code by `make reference`; a test holds the two equal.
"""
_DOMAINS = """\
Under `search:` each key of the recipe or of the architecture has a domain, in one of four forms:

| written | means |
| --- | --- |
| `flip: true` | one value: nothing is searched |
| `batch_size: [64, 128, 256]` | one of these values, without an order |
| `lr: {low: 0.001, high: 0.03, log: true}` | a number from low to high, both included; \
whole numbers if both ends are; `log` draws it by its order of magnitude |
| `optimizer: {adam: {weight_decay: 0.0}, sgd: {momentum: {low: 0.8, high: 0.98}}}` | one of these \
options; the keys under it exist only when it is chosen |

An architecture or recipe key that a space leaves out has the default below.
"""
_OPTIONS = """\
`scheduler: NAME` names one, `scheduler: {NAME: {OPTION: VALUE}}` one with options. Those that \
`budget` has too may stand there or here. On the embedded data the scheduler and the budget of \
`embedded` come first.
"""


def page() -> str:
    """The whole page as Markdown."""
    commands = [part for door in DOORS.values() for part in _command(door.command_line())]
    spaces = ["## Space files", *_space(schema())]
    recipe = ["### Recipe keys", _table(_KEY, _keys({"properties": recipe_keys()}))]
    networks = [part for name in architectures.available() for part in _architecture(name)]
    metrics = [
        "## Metrics of an epoch",
        "All accuracies are shares from 0 to 1; those of the shortcut are of data that have one.",
        _table(("metric", "what"), ((f"`{name}`", says) for name, says in METRICS.items())),
    ]
    parts = [_HEAD, "## Commands", *commands, *spaces, *recipe, "### Architectures", *networks]
    parts += metrics
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _command(parser: argparse.ArgumentParser) -> list[str]:
    """What a command is for, all of its flags and its examples; of one with parts, each part."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return [shown for part in action.choices.values() for shown in _command(part)]
    shown = [
        action
        for action in parser._actions
        if action.dest != "help" and action.help != argparse.SUPPRESS
    ]
    rows = [(_spelling(action), _meaning(parser, action)) for action in shown]
    about, _, within = (parser.description or "").partition("\n")
    examples = (parser.epilog or textwrap.dedent(within)).strip()
    heading = f"### {parser.prog.removeprefix('python -m ')}"
    parts = [
        heading,
        _sentence(about.removesuffix(", for example:")),
        _table(("flag", "what"), rows) if rows else "It has no flags.",
    ]
    parts += [f"```text\n{examples}\n```"] if examples else []
    return [part for part in parts if part]


def _spelling(action: argparse.Action) -> str:
    wanted = f"{action.metavar or ''}"
    if action.choices:
        wanted = ",".join(map(str, action.choices))
    if action.nargs == "?":
        wanted = f"[{wanted}]"
    if action.nargs == "+":
        wanted += " ..."
    return f"`{' '.join([*action.option_strings, wanted]).strip()}`"


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """A flag's help, with its default, whether it is required, and the flags that it excludes."""
    rivals = [
        other.option_strings[0]
        for group in parser._mutually_exclusive_groups
        if action in group._group_actions
        for other in group._group_actions
        if other is not action
    ]
    without = f"not with {', '.join(f'`{rival}`' for rival in rivals)}" if rivals else ""
    told = parser._get_formatter()._expand_help(action) if action.help else ""
    required = "required" if action.required and action.option_strings else ""
    return "; ".join(filter(None, (told, required, without)))


def _space(found: dict[str, Any]) -> list[str]:
    """The keys of a space file, those of the file itself first, then those under them."""
    inner = found["$defs"]
    return [
        "`python -m search.run --check FILE` validates one; editors complete the keys by "
        "`configs/spaces/space.schema.json`.",
        _table(_KEY, _keys(found)),
        *_section("data", inner["DataSpec"]),
        *_methods(),
        *_section("budget", inner["Budget"]),
        *_section("embedded", inner["Embedded"]),
        *_section("source", inner["Source"]),
        *_section("shortcut", inner["Shortcut"]),
        *_section("constraints", found["properties"]["constraints"]),
        "### search",
        _DOMAINS,
    ]


def _methods() -> list[str]:
    """The samplers, and the schedulers with their options."""
    kinds = {"sampler": samplers, "scheduler": schedulers}
    parts = []
    for kind, package in kinds.items():
        modules = {
            name: import_module(f"{package.__name__}.{name}") for name in package.available()
        }
        rows = [(f"`{name}`", _marked(_summary(module))) for name, module in modules.items()]
        parts += [f"### {kind}", _table((kind, "what"), rows)]
    options = [(f"`{name}`", *row) for name, module in modules.items() for row in _options(module)]
    return [*parts, _OPTIONS, _table(("scheduler", "option", *_KEY[1:]), options)]


def _options(module: Any) -> list[tuple[str, ...]]:
    """The options of a scheduler's file, each with what it inherits described once."""
    says: dict[str, str] = {}
    for kind in reversed(module.OPTIONS.__mro__[:-1]):
        says |= described(kind)
    keys = module.OPTIONS.model_json_schema()["properties"]
    for key, of in keys.items():
        of["description"] = says[key]
    return _keys({"properties": keys})


_KEY = ("key", "value", "default", "what")


def _section(name: str, found: dict[str, Any]) -> list[str]:
    if "propertyNames" in found:  # constraints
        rows = [(f"`{key}`", "`{max: A}` or `{min: A}`, A in [0, 1]") for key in _names(found)]
        return [f"### {name}", _marked(found["description"]) + ".", _table(("key", "value"), rows)]
    return [f"### {name}", _marked(found["description"]) + ".", _table(_KEY, _keys(found))]


def _names(found: dict[str, Any]) -> list[str]:
    names: list[str] = found["propertyNames"]["enum"]
    return names


def _keys(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{key}`",
            _allowed(of),
            "required" if key in found.get("required", ()) else _default(of.get("default")),
            _marked(of.get("description", "")),
        )
        for key, of in found["properties"].items()
    ]


_KINDS = {
    "object": "keys",
    "array": "list",
    "boolean": "true, false",
    "integer": "whole number",
    "number": "number",
    "string": "word",
}


def _allowed(of: dict[str, Any]) -> str:
    """What a value must be, in words and bounds."""
    if "anyOf" in of:
        forms = (_allowed(form) for form in of["anyOf"] if form.get("type") != "null")
        return " or ".join(forms)
    if "enum" in of:
        return ", ".join(f"`{option}`" for option in of["enum"])
    return f"{_KINDS[of.get('type', 'object')]} {_interval(of)}".strip()


def _interval(of: dict[str, Any]) -> str:
    if "maximum" not in of:
        return f"≥ {of['minimum']}" if "minimum" in of else ""
    high = f"{of['maximum']:,.10g}]"
    if "exclusiveMinimum" in of:
        return f"in ({of['exclusiveMinimum']:,.10g}, {high}"
    return f"in [{of['minimum']:,.10g}, {high}"


def _architecture(name: str) -> list[str]:
    """What the network is, and its own parameters."""
    module = import_module(f"{architectures.__name__}.{name}")
    says = described(module.build, "Args")
    rows = [
        (f"`{key}`", _default(default), _marked(says.get(key, "")))
        for key, default in architectures.parameters(name).items()
    ]
    own = _table(("parameter", "default", "what"), rows) if rows else "It has no parameters."
    return [f"#### {name}", _marked(_summary(module)) + ".", own]


def _summary(module: Any) -> str:
    """The first paragraph of a module's docstring, in one line."""
    return " ".join((inspect.getdoc(module) or "").split("\n\n")[0].split())


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in r] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sentence(text: str) -> str:
    return text and f"{text[0].upper()}{text[1:].removesuffix('.')}."


def _default(default: Any) -> str:
    if default in (None, "", [], {}):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _marked(text: str) -> str:
    """A docstring's text, whose code stands between two backticks, as Markdown without its stop."""
    return text.replace("``", "`").removesuffix(".")


if __name__ == "__main__":
    print(page(), end="")
