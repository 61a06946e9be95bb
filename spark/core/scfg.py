"""`.scfg` files: configurations as JSON, plain or xz.

A configuration is a node `{"__type__": class name, "__cfg__": {field: value}}`; arrays and wires are nodes of
the same form. Values that were only inherited are left out, so that they are inherited again.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

from spark.core import registry
from spark.core.config import ConfigError, Fault, SparkConfig
from spark.core.faults import closest, joined
from spark.core.module import SparkModule
from spark.core.specs import ModuleSpecs, PortMap

XZ_MAGIC = b"\xfd7zXZ\x00"
SIZE_LIMIT = 256 * 2**20
"""Bytes of JSON that are read at most, so that a small compressed file cannot fill the memory."""

WIRING = {"PortMap": PortMap, "ModuleSpecs": ModuleSpecs}


def write(config: SparkConfig, path: Any, compressed: bool = False) -> None:
    """Write a configuration. Errors: OSError."""
    text = dumps(config).encode()
    Path(path).write_bytes(lzma.compress(text) if compressed else text)


def read(path: Any) -> SparkConfig:
    """Read a configuration, plain or xz. Errors: OSError; ConfigError for everything wrong in the file."""
    data = Path(path).read_bytes()
    try:
        if data.startswith(XZ_MAGIC):
            data = _decompressed(data)
        text = data.decode()
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [Fault("", str(error), "JSON, plain or xz")]) from None
    return loads(text, str(path))


def _decompressed(data: bytes) -> bytes:
    plain = lzma.LZMADecompressor().decompress(data, SIZE_LIMIT + 1)
    if len(plain) > SIZE_LIMIT:
        raise lzma.LZMAError(f"more than {SIZE_LIMIT} bytes")
    return plain


def dumps(config: SparkConfig) -> str:
    """A configuration as canonical JSON text."""
    return json.dumps(encode(config), indent=1, ensure_ascii=False, allow_nan=False)


def loads(text: str, subject: str = "scfg") -> SparkConfig:
    """A configuration from JSON text. Errors: ConfigError."""
    try:
        tree = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConfigError(subject, [Fault("", str(error), "JSON")]) from None
    config = decode(tree, "", subject)
    if not isinstance(config, SparkConfig):
        raise ConfigError(subject, [Fault("", tree, "a configuration node {__type__, __cfg__}")])
    return config


def node(kind: str, content: Any) -> dict[str, Any]:
    return {"__type__": kind, "__cfg__": content}


def encode(value: Any, inherits: bool = False) -> Any:
    """JSON data of a value. `inherits`: it is nested, so inherited values need not be written."""
    if isinstance(value, SparkConfig):
        kept = {name: encode(getattr(value, name), True) for name, field in value.fields.items()
                if value.given(name) or not (inherits and field.inherited)}
        return node(registry.name_of(type(value)), kept)
    if isinstance(value, np.ndarray):
        return node("array", {"dtype": str(value.dtype), "shape": list(value.shape), "values": value.ravel().tolist()})
    if isinstance(value, PortMap):
        return node("PortMap", {"origin": value.origin, "port": value.port, "delay": value.delay})
    if isinstance(value, ModuleSpecs):
        return _encode_specs(value)
    if isinstance(value, dict):
        return {name: encode(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(entry) for entry in value]
    return value


def _encode_specs(specs: ModuleSpecs) -> dict[str, Any]:
    given: Any = specs.module_cls
    cls, config = (type(given), given.config) if isinstance(given, SparkModule) else (given, specs.config)
    return node("ModuleSpecs", {"name": specs.name, "module_cls": registry.name_of(cls),
                                "inputs": encode(specs.wires()), "config": encode(config)})


def decode(data: Any, path: str, subject: str) -> Any:
    """The value of JSON data. Errors: ConfigError with the path of what is wrong."""
    if isinstance(data, list):
        return [decode(entry, joined(path, str(i)), subject) for i, entry in enumerate(data)]
    if not isinstance(data, dict):
        return data
    if "__type__" not in data:
        return {name: decode(entry, joined(path, name), subject) for name, entry in data.items()}
    if set(data) != {"__type__", "__cfg__"} or not isinstance(data["__type__"], str):
        raise ConfigError(subject, [Fault(path, sorted(data), "a node of __type__ and __cfg__ only")])
    kind, content = data["__type__"], data["__cfg__"]
    if not isinstance(content, dict):
        raise ConfigError(subject, [Fault(joined(path, "__cfg__"), content, "an object")])
    if kind == "array":
        return _decode_array(content, path, subject)
    inner = {name: decode(entry, joined(path, name), subject) for name, entry in content.items()}
    if kind in WIRING:
        return _decode_wiring(kind, inner, path, subject)
    return _decode_config(kind, inner, path, subject)


def _decode_array(content: dict[str, Any], path: str, subject: str) -> np.ndarray:
    try:
        dtype = np.dtype(content["dtype"])
        if dtype.kind not in "fiub" or set(content) != {"dtype", "shape", "values"}:
            raise ValueError(f"dtype {dtype}, keys {sorted(content)}")
        return np.array(content["values"], dtype=dtype).reshape(content["shape"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(subject, [Fault(path, str(error), "an array of dtype, shape and values")]) from None


def _decode_wiring(kind: str, inner: dict[str, Any], path: str, subject: str) -> Any:
    cls = WIRING[kind]
    known = set(cls.__dataclass_fields__)
    unknown = [Fault(joined(path, name), inner[name], "a known key", closest(name, known)) for name in inner
               if name not in known]
    if unknown:
        raise ConfigError(subject, unknown)
    try:
        if kind == "ModuleSpecs":
            inner["module_cls"] = registry.find(str(inner["module_cls"]))
        return cls(**inner)
    except (KeyError, TypeError) as error:
        raise ConfigError(subject, [Fault(path, str(error), f"a complete {kind}")]) from None


def _decode_config(kind: str, inner: dict[str, Any], path: str, subject: str) -> SparkConfig:
    cls = registry.find(kind)
    if not (isinstance(cls, type) and issubclass(cls, SparkConfig)):
        raise ConfigError(subject, [Fault(joined(path, "__type__"), kind, "a configuration class")])
    unknown = [Fault(joined(path, name), inner[name], "a known field", closest(name, cls.fields)) for name in inner
               if name not in cls.fields]
    if unknown:
        raise ConfigError(subject, unknown)
    try:
        return cls(**inner)
    except ConfigError as error:
        placed = [Fault(joined(path, fault.path), fault.value, fault.bound, fault.hint) for fault in error.faults]
        raise ConfigError(subject, placed) from None
