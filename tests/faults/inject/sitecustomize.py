"""Inject faults into the Python processes that have this directory on their path: the driver, or Python workers.

Python imports this file at its start. FAULTS in the environment is a JSON object: the name of each fault with its
settings, which are the keyword arguments of a function in MODULES or of `commit`.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOLD_SECONDS = 900.0  # longer than any test waits
FAULTS: dict[str, Any] = json.loads(os.environ.get("FAULTS", "{}"))


def claim(handshake: Path) -> bool:
    """True for the process that comes first. The file has its id and its parent's."""
    draft = handshake.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"pid": os.getpid(), "parent": os.getppid()}))
    try:
        os.link(draft, handshake)  # whole or not there
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def hold(handshake: Path) -> None:
    """Hold the first process that comes here until the file NAME.go exists; others pass."""
    if claim(handshake):
        deadline = time.monotonic() + HOLD_SECONDS
        while not handshake.with_suffix(".go").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{handshake.name} was held and never released")
            time.sleep(0.02)


def commit(when: str, handshake: str) -> None:
    """Hold the driver right before or right after the rename of a shard into predictions/."""
    rename = os.replace

    def replace(source: Any, target: Any) -> None:
        is_commit = Path(target).parent.name == "predictions"
        if is_commit and when == "before":
            hold(Path(handshake))
        rename(source, target)
        if is_commit and when == "after":
            hold(Path(handshake))

    os.replace = replace  # type: ignore[assignment]


def images(decoding: Any, by_marker: dict[str, str]) -> None:
    """Crash, hang or hold a process that decodes an image with a marker. by_marker: "crash", "hang" or a handshake."""
    decode = decoding.decode_image

    def decode_image(content: bytes, input_size: tuple[int, int]) -> Any:
        for marker, fault in by_marker.items():
            if marker.encode() not in content:
                continue
            if fault == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            elif fault == "hang":
                ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the GIL, like a decoder that never returns
            else:
                hold(Path(fault))
        return decode(content, input_size)

    decoding.decode_image = decode_image


def pixels(decoding: Any, add: int) -> None:
    """Add a number to all decoded pixels."""
    decode = decoding.decode_image
    decoding.decode_image = lambda content, input_size: decode(content, input_size) + add


def versions(module: Any, **other: str) -> None:
    """Give the packages in `other` another version."""
    found = module.version
    module.version = lambda name: other.get(name) or found(name)


def model(golden_image: Any, sha256: str) -> None:
    golden_image.hash_model = lambda choice: sha256


def no_executors(executors: Any, seconds: float) -> None:
    executors.NO_EXECUTORS_SECONDS = seconds


def native(openvino_engine: Any, precisions: list[str]) -> None:
    """Allow a cascade on any processor: OpenVINO emulates the instructions that it lacks."""
    openvino_engine.is_native = lambda precision: precision in precisions


def flip(cascade: Any, handshake: str) -> None:
    """Once, the low precision gives the opposite result for a batch, and the random re-check covers all of it."""
    predict = cascade.CascadeEngine.predict

    def predict_once_wrong(engine: Any, batch: Any) -> Any:
        if len(batch) == 1 or not claim(Path(handshake)):  # a batch of one may be the golden image
            return predict(engine, batch)
        low, is_rechecked = engine._low.predict, cascade._is_rechecked
        engine._low.predict = lambda images: 1 - low(images)
        cascade._is_rechecked = lambda image: True
        try:
            return predict(engine, batch)
        finally:
            engine._low.predict, cascade._is_rechecked = low, is_rechecked

    cascade.CascadeEngine.predict = predict_once_wrong


MODULES: dict[str, tuple[Callable[..., None], ...]] = {
    "image_scoring.images.decoding": (images, pixels),
    "image_scoring.model.versions": (versions,),
    "image_scoring.worker.golden_image": (model,),
    "image_scoring.driver.executors": (no_executors,),
    "image_scoring.model.engines.openvino_engine": (native,),
    "image_scoring.model.engines.cascade": (flip,),
}


class Injector(importlib.abc.MetaPathFinder):
    """Changes a module right after its import, before other modules import names from it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        wanted = [fault for fault in MODULES.get(name, ()) if fault.__name__ in FAULTS]
        spec = importlib.machinery.PathFinder.find_spec(name, path) if wanted else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            for fault in wanted:
                fault(module, **FAULTS[fault.__name__])

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, Injector())
if "commit" in FAULTS:
    commit(**FAULTS["commit"])
