"""Libraries that detect file types, side by side on the corpus: `python -m tests.detection.compare`.

Those that are compared and not used must be installed first: pip install puremagic python-magic fleep magika
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable

from partway.core.content import HEAD_SIZE, canonical, judge_content
from partway.core.policy import UploadPolicy, check_content_type
from tests.detection.corpus import Sample, honest, lying, unusual

Detect = Callable[[bytes], str | None]


def _filetype() -> Detect:
    import filetype  # type: ignore[import-untyped]

    guess: Detect = filetype.guess_mime
    return guess


def _puremagic() -> Detect:
    import puremagic

    def detect(head: bytes) -> str | None:
        try:
            return puremagic.from_string(head, mime=True) or None
        except (puremagic.PureError, ValueError):
            return None

    return detect


def _magic() -> Detect:
    import magic

    return magic.Magic(mime=True).from_buffer


def _fleep() -> Detect:
    import fleep  # type: ignore[import-untyped]

    return lambda head: next(iter(fleep.get(head[:128]).mime), None)


def _magika() -> Detect:
    import magika

    model = magika.Magika()
    return lambda head: model.identify_bytes(head).output.mime_type


LIBRARIES: dict[str, tuple[str, Callable[[], Detect]]] = {
    "filetype": ("filetype", _filetype),
    "puremagic": ("puremagic", _puremagic),
    "python-magic": ("magic", _magic),
    "fleep": ("fleep", _fleep),
    "magika": ("magika", _magika),
}


def main() -> None:
    """Print the table."""
    print(
        "| library | alone: names an honest file rightly | with our rules: honest taken | liars refused | µs a file |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, (module, load) in LIBRARIES.items():
        if importlib.util.find_spec(module) is None:
            print(f"| {name} | not installed | | | |")
            continue
        detect = load()
        true, false = honest() + unusual(), lying()
        named = sum(canonical(detect(_head(each)) or "") == canonical(_declared(each)) for each in true)
        taken = sum(_failure(each, detect) is None for each in true)
        refused = sum(_failure(each, detect) is not None for each in false)
        cost = statistics.median(_cost(each, detect) for each in true)
        print(f"| {name} | {named} of {len(true)} | {taken} of {len(true)} | {refused} of {len(false)} | {cost:.0f} |")


def _head(sample: Sample) -> bytes:
    return sample.content[:HEAD_SIZE]


def _declared(sample: Sample) -> str:
    return check_content_type(sample.content_type)


def _failure(sample: Sample, detect: Detect) -> str | None:
    head = _head(sample)
    return judge_content(
        file_name=sample.name,
        declared=_declared(sample),
        head=head,
        detected=detect(head) if head else None,
        policy=UploadPolicy(),
    ).failure


def _cost(sample: Sample, detect: Detect) -> float:
    began = time.perf_counter()
    detect(_head(sample))
    return (time.perf_counter() - began) * 1e6


if __name__ == "__main__":
    main()
