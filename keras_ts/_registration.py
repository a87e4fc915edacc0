"""Makes a class saveable by Keras and findable by the people who load it.

Keras prints the ``module`` of a saved object that it cannot find, so every object records
``keras_ts`` there: the error then names the package to import, and source files may move without
breaking anybody's saved model.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

PACKAGE = "keras_ts"

T = TypeVar("T", bound=type)

# Every registered class by its name, for ``keras_ts.__getattr__``.
CLASSES: dict[str, type] = {}


def registered(cls: T) -> T:
    """Register ``cls`` with Keras as ``keras_ts>ClassName``, its module ``keras_ts``."""
    cls.__module__ = PACKAGE
    CLASSES[cls.__name__] = cls
    register: Callable[[T], T] = keras.saving.register_keras_serializable(package=PACKAGE)
    return register(cls)


def renamed(**names: str) -> Callable[[T], T]:
    """Let a class read configs whose keys have former names: ``@renamed(old="new")``.

    Arguments can be renamed, and files that were saved before still load.
    """

    def decorated(cls: T) -> T:
        read: Any = cls.from_config.__func__  # type: ignore[attr-defined]

        def from_config(cls: type, config: dict[str, Any]) -> Any:
            """Return an object with these settings, whose keys may be former names."""
            if not isinstance(config, Mapping):
                return read(cls, config)
            # If a config has both names, the former one stays, and is refused as unknown.
            now = {old: new for old, new in names.items() if new not in config}
            return read(cls, {now.get(key, key): value for key, value in config.items()})

        cls.from_config = classmethod(from_config)  # type: ignore[attr-defined]
        return cls

    return decorated
