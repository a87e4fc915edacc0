"""``ExportReport``: if an exported file gives the outputs of the model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportReport:
    """The result of ``check_export``; print it for a text that names every difference.

    Attributes:
        format: The format that was checked.
        shapes: The shapes of the inputs, one list for each length that was run.
        difference: The largest difference of any output from ``model.predict``.
        magnitude: The largest output, to compare the difference with.
        rtol: The largest difference allowed, relative to the largest output.
        missing: True if windows with missing values were run, too.
        differences: A sentence for each run whose outputs differ by more, or that fails.
        cure: The likely reason of a difference, and what to do.
    """

    format: str
    shapes: tuple[list[tuple[int, ...]], ...]
    difference: float
    magnitude: float
    rtol: float
    missing: bool = False
    differences: tuple[str, ...] = ()
    cure: str = ""

    @property
    def ok(self) -> bool:
        """True if the file gives the outputs of the model in every run."""
        return not self.differences

    def __str__(self) -> str:
        if not self.ok:
            return "\n".join(
                [
                    f"The exported {self.format!r} file gives other outputs than the model:",
                    *self.differences,
                    self.cure,
                ]
            )
        ran = ", ".join(" and ".join(map(str, shapes)) for shapes in self.shapes)
        return (
            f"{self.format}: the same outputs up to {self.difference:.2g} "
            f"(they reach {self.magnitude:.4g}), at input shapes {ran}"
            + (", with and without missing values." if self.missing else ".")
        )
