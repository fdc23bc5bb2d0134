"""Measures the range coder: what it costs over the ideal on short messages, and how fast it is in bulk.

Run `python benchmarks/coder.py`; it prints a summary and writes results/coder.json. The `constriction` package, where
installed, codes the same symbols with the same tables in the same run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from benchmark import run_benchmark
from numpy.typing import NDArray
from record import with_record

from isthmus.common.bits import range_coder
from isthmus.common.bits.cdf import CdfTables, quantize_pmf
from isthmus.common.bits.packet import Packet
from isthmus.common.bits.prior import Prior
from isthmus.common.bits.symbols import Symbols
from isthmus.common.results import Provenance, Results

try:
    import constriction
except ImportError:
    constriction = None

MESSAGE_BITS = (8, 30, 120)
MESSAGE_SYMBOLS = 32
LONG_MESSAGE_SYMBOLS = 1024
LONG_MESSAGE_BITS = 3000
BULK_CHANNELS = 192
BULK_SYMBOLS = 294_912
BULK_BITS_PER_SYMBOL = 2.9
HALF_WIDTH = 24


def main() -> int:
    """Measures, prints and writes."""
    return run_benchmark("benchmarks/coder.py", __doc__, add_options, measured)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of this benchmark."""
    parser.add_argument("--messages", type=int, default=4000, help="messages a mean is taken over (4000)")
    parser.add_argument("--repeats", type=int, default=25, help="bulk runs, of which the fastest counts (25)")
    parser.add_argument(
        "--runs", type=int, default=4, help="times that speeds are compared, of which the median counts (4)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of all random draws (1)")


def measured(options: argparse.Namespace, command: str) -> Results:
    """As the options say."""
    rng = np.random.default_rng(options.seed)
    kinds = [*((MESSAGE_SYMBOLS, bits) for bits in MESSAGE_BITS), (LONG_MESSAGE_SYMBOLS, LONG_MESSAGE_BITS)]
    overheads = [message_overhead(rng, symbols, bits, options.messages) for symbols, bits in kinds]
    bulks = [bulk_speed(rng, options.repeats) for _ in range(options.runs)]
    latency = message_latency(rng)
    summary = {
        "coder.overhead_bits_32_symbols": max(row["overhead_bits"] for row in overheads[:-1]),
        "coder.overhead_bits_1024_symbols": overheads[-1]["overhead_bits"],
        "coder.encode_msymbols_per_s": float(np.median([bulk["isthmus"]["encode_msymbols_per_s"] for bulk in bulks])),
        "coder.decode_msymbols_per_s": float(np.median([bulk["isthmus"]["decode_msymbols_per_s"] for bulk in bulks])),
        "coder.encode_us_per_message": latency["encode_us"],
        "coder.decode_us_per_message": latency["decode_us"],
        **ratios(bulks),
    }
    results = Results(
        name="coder",
        provenance=Provenance.of(
            command=command,
            data="random messages drawn from the tables themselves",
            seed=options.seed,
            packages=("numpy", "constriction"),
        ),
        summary=summary,
        detail={
            "conditions": f"one thread, C coder {'on' if range_coder.IS_COMPILED else 'off'}; speeds and latencies are "
            f"the fastest of {options.repeats} takes in turns, and that {options.runs} times",
            "overhead": overheads,
            "bulk": bulks,
            "message_latency": latency,
        },
    )
    return with_record(results, options.out, ratios(bulks))


def ratios(bulks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each speed over a peer's the median of the runs."""
    names = [name for name in bulks[0] if "_ratio_to_" in name]
    return {f"coder.{name}": float(np.median([bulk[name] for bulk in bulks])) for name in names}


def laplace_tables(scales: NDArray[np.float64], precision_bits: int = 16) -> CdfTables:
    """One two-sided geometric table a scale, over -24 to 24."""
    x = np.arange(-HALF_WIDTH, HALF_WIDTH + 1)
    return quantize_pmf(
        [np.exp(-np.abs(x) / scale) for scale in scales], np.full(len(scales), -HALF_WIDTH), precision_bits
    )


def entropies(tables: CdfTables) -> NDArray[np.float64]:
    """Bits a symbol of each table, float64 `[tables]`."""
    rows = [tables.frequencies(table) / 2**tables.precision_bits for table in range(tables.count)]
    return np.array([-(p * np.log2(p)).sum() for p in rows])


def tables_of_entropy(rng: np.random.Generator, channels: int, mean_bits: float) -> CdfTables:
    """Channels of unlike widths whose entropies average to `mean_bits` a symbol."""
    spread = np.exp(rng.uniform(-0.7, 0.7, channels))
    low, high = 0.02, 20.0
    for _ in range(25):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if entropies(laplace_tables(spread * middle)).mean() > mean_bits else (middle, high)
    return laplace_tables(spread * low)


def draw(rng: np.random.Generator, tables: CdfTables, messages: int) -> NDArray[np.int32]:
    """Symbols from the tables themselves, int32 `[messages, tables]`."""
    target = rng.integers(0, 2**tables.precision_bits, (messages, tables.count))
    columns = [
        np.searchsorted(tables.cumulative[table], target[:, table], side="right") - 1 + tables.offsets[table]
        for table in range(tables.count)
    ]
    return np.stack(columns, axis=1).astype(np.int32)


def message_overhead(rng: np.random.Generator, symbols: int, ideal_bits: int, messages: int) -> dict[str, Any]:
    """Mean bits of a section over the ideal, on messages drawn from the model."""
    tables = tables_of_entropy(rng, symbols, ideal_bits / symbols)
    prior = Prior.independent(tables)
    values = draw(rng, tables, messages)
    ideal = prior.estimated_bits(Symbols(values))
    rows = [Symbols(row[None]) for row in values]
    sections = [prior.encode(row) for row in rows]
    coded = np.array([8 * len(section) for section in sections])
    packet = np.array(
        [8 * len(Packet.intra(section, row).to_bytes()) for section, row in zip(sections, rows, strict=True)]
    )
    return {
        "symbols": symbols,
        "messages": messages,
        "ideal_bits": round(float(ideal.mean()), 2),
        "coded_bits": round(float(coded.mean()), 2),
        "packet_bits": round(float(packet.mean()), 2),
        "overhead_bits": round(float((coded - ideal).mean()), 2),
        "standard_error_bits": round(float((coded - ideal).std() / messages**0.5), 3),
        **({} if constriction is None else constriction_overhead(tables, values, ideal)),
    }


def constriction_models(tables: CdfTables) -> list[Any]:
    """The same densities as models of `constriction`."""
    return [
        constriction.stream.model.Categorical(
            (tables.frequencies(table) / 2**tables.precision_bits).astype(np.float32), perfect=False
        )
        for table in range(tables.count)
    ]


def constriction_overhead(tables: CdfTables, values: NDArray[np.int32], ideal: NDArray[np.float64]) -> dict[str, float]:
    """Mean coded bits of `constriction` for the first of the same messages."""
    models = constriction_models(tables)
    count = min(len(values), 200)
    entries = values[:count] - tables.offsets
    range_bits, ans_bits = [], []
    for row in entries:
        encoder, coder = constriction.stream.queue.RangeEncoder(), constriction.stream.stack.AnsCoder()
        for table, entry in enumerate(row.tolist()):
            encoder.encode(entry, models[table])
            coder.encode_reverse(np.array([entry], dtype=np.int32), models[table])
        range_bits.append(32 * len(encoder.get_compressed()))
        ans_bits.append(32 * len(coder.get_compressed()))
    return {
        "constriction_messages": count,
        "constriction_ideal_bits": round(float(ideal[:count].mean()), 2),
        "constriction_range_bits": round(float(np.mean(range_bits)), 2),
        "constriction_ans_bits": round(float(np.mean(ans_bits)), 2),
    }


def bulk_speed(rng: np.random.Generator, repeats: int) -> dict[str, Any]:
    """Millions of symbols a second, channel by channel, on tables of one width each."""
    tables = tables_of_entropy(rng, BULK_CHANNELS, BULK_BITS_PER_SYMBOL)
    values = np.ascontiguousarray(draw(rng, tables, BULK_SYMBOLS // BULK_CHANNELS).T).ravel()
    indices = np.repeat(np.arange(BULK_CHANNELS, dtype=np.int32), BULK_SYMBOLS // BULK_CHANNELS)
    ideal_bits = float(tables.bits(values, indices).sum())
    data = range_coder.encode(values, indices, tables)
    if not np.array_equal(range_coder.decode(data, indices, tables), values):
        raise SystemExit("the coder does not return what it was given")
    jobs: dict[str, tuple[Callable[[], Any], Callable[[], Any], int]] = {
        "isthmus": (
            lambda: range_coder.encode(values, indices, tables),
            lambda: range_coder.decode(data, indices, tables),
            8 * len(data),
        )
    }
    if constriction is not None:
        jobs |= constriction_jobs(tables, values)
    timings: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    # In turns, so that whatever else the machine does falls on all alike.
    for _ in range(repeats):
        for name, (encode, decode, _) in jobs.items():
            timings[name].append((seconds(encode), seconds(decode)))
    report: dict[str, Any] = {
        "symbols": BULK_SYMBOLS,
        "channels": BULK_CHANNELS,
        "ideal_bits_per_symbol": round(ideal_bits / BULK_SYMBOLS, 4),
    }
    for name, pairs in timings.items():
        # The fastest: other processes on the machine only ever add time.
        encode_s, decode_s = np.min(pairs, axis=0)
        report[name] = {
            "encode_msymbols_per_s": round(BULK_SYMBOLS / encode_s / 1e6, 1),
            "decode_msymbols_per_s": round(BULK_SYMBOLS / decode_s / 1e6, 1),
            "over_ideal_percent": round(100 * (jobs[name][2] / ideal_bits - 1), 4),
        }
    for name in ("constriction_range", "constriction_ans"):
        if name in report:
            for way in ("encode", "decode"):
                ours, theirs = (report[coder][f"{way}_msymbols_per_s"] for coder in ("isthmus", name))
                report[f"{way}_ratio_to_{name}"] = round(ours / theirs, 2)
    return report


def constriction_jobs(
    tables: CdfTables, values: NDArray[np.int32]
) -> dict[str, tuple[Callable[[], Any], Callable[[], Any], int]]:
    """Both coders of `constriction`, one call a channel."""
    models = constriction_models(tables)
    rows = (values.reshape(tables.count, -1) - tables.offsets[:, None]).astype(np.int32)
    per_channel = rows.shape[1]

    def range_encode() -> NDArray[np.uint32]:
        encoder = constriction.stream.queue.RangeEncoder()
        for row, model in zip(rows, models, strict=True):
            encoder.encode(row, model)
        return encoder.get_compressed()  # type: ignore[no-any-return, unused-ignore]

    def ans_encode() -> NDArray[np.uint32]:
        coder = constriction.stream.stack.AnsCoder()
        for row, model in zip(rows[::-1], models[::-1], strict=True):
            coder.encode_reverse(row, model)
        return coder.get_compressed()  # type: ignore[no-any-return, unused-ignore]

    range_words, ans_words = range_encode(), ans_encode()

    def range_decode() -> list[Any]:
        decoder = constriction.stream.queue.RangeDecoder(range_words)
        return [decoder.decode(model, per_channel) for model in models]

    def ans_decode() -> list[Any]:
        coder = constriction.stream.stack.AnsCoder(ans_words)
        return [coder.decode(model, per_channel) for model in models]

    for decoded in (range_decode(), ans_decode()):
        if not np.array_equal(np.stack(decoded), rows):
            raise SystemExit("constriction does not return what it was given")
    return {
        "constriction_range": (range_encode, range_decode, 32 * len(range_words)),
        "constriction_ans": (ans_encode, ans_decode, 32 * len(ans_words)),
    }


def message_latency(rng: np.random.Generator) -> dict[str, float]:
    """Microseconds to encode and decode one signal of 32 channels, Python call included."""
    tables = tables_of_entropy(rng, MESSAGE_SYMBOLS, 1.0)
    prior = Prior.independent(tables)
    symbols = Symbols(draw(rng, tables, 1))
    section = prior.encode(symbols)
    calls = 1000
    encode_s = min(seconds(lambda: [prior.encode(symbols) for _ in range(calls)]) for _ in range(15))
    decode_s = min(seconds(lambda: [prior.decode(section) for _ in range(calls)]) for _ in range(15))
    return {
        "channels": MESSAGE_SYMBOLS,
        "encode_us": round(encode_s / calls * 1e6, 2),
        "decode_us": round(decode_s / calls * 1e6, 2),
    }


def seconds(job: Callable[[], Any]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
