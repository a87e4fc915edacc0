"""Registers classes with Keras, so that models which hold them can be saved and loaded.

Every class records ``keras_ts`` as its module. If Keras cannot find a saved object it prints this
module, so the error names the package to import; and source files can move without breaking
anybody's saved model.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

PACKAGE = "keras_ts"

T = TypeVar("T", bound=type)

# Every registered class by its name, for ``keras_ts.__getattr__``.
CLASSES: dict[str, type] = {}


def registered(cls: T) -> T:
    """Register ``cls`` with Keras as ``keras_ts>ClassName``, of the module ``keras_ts``."""
    cls.__module__ = PACKAGE
    CLASSES[cls.__name__] = cls
    register: Callable[[T], T] = keras.saving.register_keras_serializable(package=PACKAGE)
    return register(cls)


def renamed(**names: str) -> Callable[[T], T]:
    """Let a class read saved configs with former names of arguments: ``@renamed(old="new")``."""

    def decorated(cls: T) -> T:
        read: Any = cls.from_config.__func__  # type: ignore[attr-defined]

        def from_config(cls: type, config: dict[str, Any]) -> Any:
            """Return an object with these settings, which may have former names."""
            if not isinstance(config, Mapping):
                return read(cls, config)
            # In a config with both names, the former stays, and ``read`` refuses it as unknown.
            now = {old: new for old, new in names.items() if new not in config}
            return read(cls, {now.get(key, key): value for key, value in config.items()})

        cls.from_config = classmethod(from_config)  # type: ignore[attr-defined]
        return cls

    return decorated
