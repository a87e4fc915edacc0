"""``WindowedSeries``: describes how a series is cut into windows, and cuts it.

It holds only settings, no data. So one object serves training, validation and forecasting, is saved
in a config, and compares and hashes by value.
"""

from collections.abc import Iterator
from typing import Any

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.panel.panel import Panel
from keras_ts.windows.cut import Cut, folds_of
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.spec import WindowSpec
from keras_ts.windows.split import FoldSizes, Part, all_windows, split_parts


@registered
class WindowedSeries(WindowSpec):
    """How to cut one series, or a panel of them, into windows for training and forecasting.

    Positions are 0-based. A window that starts at ``s`` reads the inputs ``s + sampling_rate * k``
    for ``k = 0 .. window - 1``; the last of them is its *origin*. Windows never cross from one
    series of a panel into another.

    Example:

    >>> import numpy as np
    >>> windows = WindowedSeries(window=3, horizon=2)
    >>> x, y = windows.build(np.arange(6.0)).to_numpy()
    >>> x.tolist()
    [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]
    >>> y.tolist()
    [[3.0, 4.0], [4.0, 5.0]]

    Args:
        window: Number of inputs in a window, in steps of ``sampling_rate`` positions.
        horizon: Number of targets per origin, in positions. Defaults to 1.
        gap: Positions left out between the origin and the first target. Defaults to 0.
        stride: Positions between neighbouring windows. Windows start at ``0, stride, ...``; with
            timestamps, an origin is kept if its number of steps since 1970-01-01 is a multiple of
            ``stride``. Defaults to 1.
        sampling_rate: Positions between neighbouring inputs of a window. Defaults to 1.
        targets: ``"vector"``: the targets follow the origin. ``"sequence"``: every input has
            targets that follow it. Defaults to ``"vector"``.
        target_columns: The column to forecast (its axis is dropped) or a list of them.
            Defaults to every column that is neither future nor static.
        future_columns: Columns known ahead of time, such as holidays or a plan.
        static_columns: Columns that never change within a series.
        categories: For each column of text among the future and static columns, its categories.
            Each becomes a column of 0 and 1, named like ``type=a``. Defaults to None: those of the
            training part.
        calendar: Cycles with a phase known ahead, one or a list: ``"hour"``, ``"day"``,
            ``"week"`` or ``"year"`` by the clock of ``time_column``; or a number greater than 1, a
            period in steps of the frequency, counted from 1970-01-01. A cycle becomes two columns,
            sine and cosine, after all others in ``past`` and in ``future``. ``"holidays:DE"``
            (``"holidays:DE-BY"``, ``"holidays:NYSE"``) stands for the holidays of a place: each
            that falls on a row of the training part becomes two columns of 0 and 1, for the day and
            for its eve. Defaults to None.
        id_column: In a long data frame, the column with the id of each row's series, or a list of
            columns that name a series together, such as ``["shop", "product"]``.
        time_column: In a data frame, the column of timestamps, which must have one frequency. A
            gap is a step that leaves out rows.
        missing: ``"raise"`` an error if a value is not finite or time has a gap, ``"drop"`` the
            windows that touch one, or ``"keep"`` them. ``"mask"``, for models that mask missing
            inputs, as built presets do, keeps windows with missing inputs, and drops those with
            missing targets or columns known ahead. ``"mask_targets"`` also keeps windows with some,
            but not all, targets missing: the losses and metrics of keras_ts leave them out. With
            either, a gap in time is read as rows without a value. All but ``"drop"`` refuse an
            infinite value. Defaults to ``"raise"``.
        min_inputs: Number of inputs that must be rows of the series; the window may begin before
            it, and its other inputs are then missing. It needs ``missing="mask"`` or
            ``"mask_targets"``. With 0, the origin may be the position before the first row.
            Defaults to None: all inputs.
        weighting: ``"inverse_scale"`` to weigh each window by the inverse of the mean absolute step
            of its series' target in the training part, so that large series do not drown small
            ones; or a period ``p``, for differences of values ``p`` positions apart. No weight is
            more than 100 times the median weight. Defaults to None: no weights.
        batch_size: Windows in a batch. Defaults to 32.
        shuffle: True for a new uniform permutation of all windows in each epoch. Defaults to
            False, time order.
        seed: Integer that fixes the shuffle. Defaults to None: drawn at ``build`` from
            Python's ``random``, which ``keras.utils.set_random_seed`` seeds.
        remainder: ``"keep"`` a last batch that is not full, ``"drop"`` it, or ``"pad"`` it with
            windows of weight 0, so that all batches have one shape; the other windows of that batch
            weigh more. Plain ``metrics`` count the padding, and ``predict`` returns its rows, which
            ``align`` drops. Defaults to ``"keep"``.
        unseen: ``"raise"`` an error that names a category that the training part lacks, or
            ``"mean"``: warn, and read it as the mean of the known categories. Defaults to
            ``"raise"``.
        origins: The local times at which windows have their origins: a time of day such as
            ``"06:00"``, a weekday such as ``"MON"``, or ``"month end"``. ``"first row"`` counts
            ``stride`` from each series' first row instead of from 1970. Defaults to None: all that
            ``stride`` leaves.
        holidays: For each place that ``calendar`` names, its holidays, for the years of the data
            and ten more; a row of another year is refused. Defaults to None: read from the package
            ``holidays`` when a series is cut.

    Input shape:
        A series of shape ``(time,)`` or ``(time, columns)``, a list of them, or a pandas
        or polars data frame.

    Output shape:
        Inputs ``(batch, window)`` or ``(batch, window, columns)``; targets ``(batch,)``, with an
        axis for ``window`` in sequences, one for ``horizon`` if it is not 1, and one for the
        columns unless ``target_columns`` is a single name or the series is ``(time,)``. With future
        columns, static columns or a calendar the inputs are a dict of ``past`` (all columns but the
        static ones), ``future`` (the columns known ahead, at the targets' positions) and
        ``static``.

    Raises:
        ValueError: An argument is out of range, or two of them disagree.
    """

    def count(self, series: Any) -> int:
        """Return how many windows ``series`` gives.

        Example:

        >>> WindowedSeries(window=20).count(np.zeros(100))
        80

        Args:
            series: Anything that ``build`` takes. A series that is too short gives 0.
        """
        panel = Panel.of(series, self)
        spec = panel.settle(self)
        return all_windows(panel.read(spec), spec).total

    def build(self, series: Any, sample_weight: Any = None) -> WindowDataset:
        """Cut ``series`` into batches of windows that ``fit`` takes on every backend.

        Example:

        >>> dataset = WindowedSeries(window=20, batch_size=16).build(np.arange(100.0))
        >>> len(dataset), dataset.num_windows
        (5, 80)
        >>> x, y, *_ = dataset[0]
        >>> x.shape, y.shape
        ((16, 20), (16,))

        Args:
            series: ``(time,)`` or ``(time, columns)``, a list of such arrays, a pandas or polars
                data frame, a ``Panel`` or a ``PanelStore``. Settings of columns that are
                None are taken from a ``Panel``, and the dataset's ``windows`` hold them.
            sample_weight: One weight per position of the series (a list of arrays for a panel),
                averaged over the targets of a window. Or one weight per window, in time order (if
                there are as many windows as positions, weights belong to positions). They are
                multiplied by those of ``weighting``. Defaults to None: no weights.

        Raises:
            ValueError: No series is long enough for one window, a value is missing, or
                the weights do not fit.
        """
        cut = Cut(self, series, sample_weight)
        all_rows = Part(cut.panel.offsets[:-1], cut.panel.offsets[1:])
        return cut.dataset(all_rows, None, cut.weights(all_rows), shuffle=self.shuffle)

    def split(
        self, series: Any, at: Any, context: bool = True, sample_weight: Any = None
    ) -> tuple[WindowDataset, ...]:
        """Cut ``series`` at one border or several, one dataset per part, without leakage.

        A window belongs to the part that holds all its targets; a window with targets on both sides
        of a border is left out. The first part follows ``shuffle``, the others keep time order.

        Example:

        >>> train, validation = WindowedSeries(window=20).split(np.arange(100.0), at=80)
        >>> train.num_windows, validation.num_windows
        (60, 20)
        >>> validation[0][1][0]  # the first target is the value at the border
        np.float64(80.0)

        Args:
            series: Anything that ``build`` takes.
            at: Border, the beginning of the next part: a position (int; a negative one counts from
                the series' end, so that ``at=-24`` holds out the last 24), a fraction of the length
                (float between 0 and 1), a timestamp, or an increasing list of them. In a panel,
                positions and fractions apply to each series by itself, a timestamp to all of them.
                A timestamp without a time zone is a local time of the time column; one with a time
                zone needs a column that has one too.
            context: True if inputs may reach back over the border, as is usual for validation.
                Positions before a series, which ``min_inputs`` allows, cross no border.
                Defaults to True.
            sample_weight: As in ``build``. ``weighting`` reads only the first part.

        Raises:
            TypeError: A border has a time zone, and the time column has none.
            ValueError: A border leaves no row on one side, or is a local time that occurs twice; a
                part gets no window; or a later part has a category that the first part lacks,
                unless ``unseen="mean"``.
        """
        context = _checks.boolean("context", context)
        cut = Cut(self, series, sample_weight)
        parts = split_parts(cut.panel, at)
        cut = cut.learned([parts[0]], [parts[1:]], "Move the border")
        weights = cut.weights(parts[0])
        return tuple(
            cut.dataset(
                part,
                parts[0],
                weights,
                shuffle=self.shuffle and number == 0,
                context=context,
                name=f"at={at!r} leaves part {number}",
            )
            for number, part in enumerate(parts)
        )

    def folds(
        self,
        series: Any,
        n_splits: int = 5,
        *,
        test_size: int | None = None,
        max_train_size: int | None = None,
        sample_weight: Any = None,
    ) -> Iterator[tuple[WindowDataset, WindowDataset]]:
        """Cut ``series`` into folds: growing training parts, each followed by its validation part.

        The arguments mean the same as in ``sklearn.model_selection.TimeSeriesSplit``: the last
        ``n_splits * test_size`` positions are divided into validation parts, one after the other.
        A window belongs to the part that holds all its targets; in validation its inputs may reach
        back over the border, as in ``split``. Panels with a ``time_column`` are cut at timestamps,
        the same for all series, so that no series trains on days on which another is validated;
        other panels at positions of each series.

        Example:

        >>> for train, validation in WindowedSeries(window=20).folds(np.arange(100.0), n_splits=3):
        ...     print(train.num_windows, validation.num_windows, validation[0][1][0])
        5 25 25.0
        30 25 50.0
        55 25 75.0

        Args:
            series: Anything that ``build`` takes.
            n_splits: Number of folds. Defaults to 5.
            test_size: Positions (or timestamps) in a validation part. Defaults to None: the number
                of timestamps (without a ``time_column``, of each series' positions) divided by
                ``n_splits + 1``.
            max_train_size: Most positions (or timestamps) in a training part, the latest ones.
                Defaults to None: all.
            sample_weight: As in ``build``. ``weighting`` reads only the training part.

        Returns:
            An iterator of pairs of datasets, the earliest fold first. The training part follows
            ``shuffle``, the validation part keeps time order.

        Raises:
            ValueError: The series is too short for the folds, a part gets no window, or a
                validation part has a category that its training part lacks, unless
                ``unseen="mean"``.
        """
        sizes = FoldSizes(n_splits, test_size, max_train_size)
        return ((fold.train, fold.test) for fold in folds_of(self, series, sizes, sample_weight))
