"""The model spec, a JSON file beside the model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.safety import check_model_present
from image_scoring.model.spec import ModelSpec, load_spec, save_spec, spec_path
from run_contract.errors import BatchPredictionsError
from run_contract.files import sha256_of
from tests.helpers import MODEL

GOOD = {"input_size": [96, 128], "preprocessing": "torch", "labels": ["Cat", "Dog", "Owl"], "threshold": 0.5}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "pets.h5"
    path.write_bytes(b"any bytes")
    return path


def write_spec(model: Path, **changes: Any) -> None:
    spec_path(model).write_text(json.dumps({**GOOD, "sha256": sha256_of(model), **changes}))


def test_the_model_in_the_repository_has_the_sha256_of_its_spec() -> None:
    spec, line = load_spec(MODEL)
    assert spec == ModelSpec(name="cats_vs_dogs", sha256=sha256_of(MODEL))
    assert line == "model cats_vs_dogs.h5: spec cats_vs_dogs.json"


def test_a_spec_is_read(model: Path) -> None:
    write_spec(model)
    spec, _ = load_spec(model)
    assert spec == ModelSpec("pets", sha256_of(model), (96, 128), Preprocessing.TORCH, ("Cat", "Dog", "Owl"), 0.5)
    assert spec.model_id == f"pets@{sha256_of(model)[:12]}"


def test_a_spec_that_was_saved_is_read_back(model: Path) -> None:
    spec = ModelSpec("pets", sha256_of(model), (32, 48), Preprocessing.RESCALE, ("No", "Yes"), 0.7)
    save_spec(model, spec)
    assert load_spec(model)[0] == spec


def test_without_a_spec_the_classic_defaults_are_named(model: Path) -> None:
    spec, line = load_spec(model)
    assert spec == ModelSpec("pets", sha256_of(model), (224, 224), Preprocessing.TF, ("Cat", "Dog"), 0.5)
    for word in ("pets.json", "224x224", "preprocessing tf", "Cat and Dog", "threshold 0.5"):
        assert word in line


def test_the_spec_of_another_file_is_refused(model: Path) -> None:
    write_spec(model)
    model.write_bytes(b"other bytes")
    with pytest.raises(BatchPredictionsError, match=r"its sha256 is .*, its spec pets\.json is for "):
        load_spec(model)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"extra": 1}, "expected an object with the keys"),
        ({"input_size": [224]}, "input_size must be"),
        ({"input_size": [224, 0]}, "input_size must be"),
        ({"input_size": [224, 5000]}, "input_size must be"),
        ({"input_size": [224, 224.0]}, "input_size must be"),
        ({"input_size": "224x224"}, "input_size must be"),
        ({"preprocessing": "vgg"}, "preprocessing must be one of tf, torch, caffe, rescale, none"),
        ({"labels": ["Dog"]}, "labels must be a list"),
        ({"labels": ["Cat", ""]}, "labels must be a list"),
        ({"labels": ["Cat", 1]}, "labels must be a list"),
        ({"labels": "Cat,Dog"}, "labels must be a list"),
        ({"labels": ["Cat", "cat"]}, "labels must differ"),
        ({"threshold": 1.1}, "threshold must be between"),
        ({"threshold": -0.1}, "threshold must be between"),
        ({"threshold": float("nan")}, "threshold must be between"),
        ({"threshold": True}, "threshold must be between"),
        ({"threshold": "0.5"}, "threshold must be between"),
    ],
)
def test_a_spec_that_is_not_valid_is_refused(changes: dict[str, Any], cause: str, model: Path) -> None:
    write_spec(model, **changes)
    with pytest.raises(BatchPredictionsError, match=cause) as error:
        load_spec(model)
    assert str(spec_path(model)) in str(error.value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[]", "expected an object"),
        ("{}", "expected an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"threshold": 0.5, "threshold": 1}', "a key is there twice"),
        ("{}".encode("utf-16"), "not UTF-8 text"),
        (b'{"labels": ["caf\xe9"]}', "not UTF-8 text"),
    ],
)
def test_a_spec_that_is_no_object_is_refused_in_one_line(text: str | bytes, cause: str, model: Path) -> None:
    spec_path(model).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert cause in refusal(model)


@pytest.mark.parametrize("kind", ["directory", "loop of links", "pipe"])
def test_a_spec_that_cannot_be_read_is_refused_in_one_line(kind: str, model: Path) -> None:
    path = spec_path(model)
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    assert "cannot be read (" in refusal(model)


UNSAFE = {
    "Dog\n": "has control characters",
    "Dog\t": "has control characters",
    "\x1b[31mDog": "has control characters",
    "Dog\0": "has control characters",
    "Dog\x9b": "has control characters",
    "Dog\u2028": "has control characters",
    "Dog\u202e": "has control characters or invisible characters",
    "Dog\u200b": "has control characters or invisible characters",
    "Dog\udc80": "has control characters",
    "  ": "has only spaces",
    "\u3000": "has only spaces",
    "=1+1": "begins with one of = + - @",
    "+1": "begins with one of = + - @",
    "-1": "begins with one of = + - @",
    "@SUM(A1)": "begins with one of = + - @",
    " =1+1": "begins with one of = + - @",
    "\uff1d1+1": "begins with one of = + - @",
}


@pytest.mark.parametrize("label", UNSAFE)
def test_a_label_that_must_not_be_shown_is_refused(label: str, model: Path) -> None:
    write_spec(model, labels=["Cat", label])
    assert f"the label {label!a} {UNSAFE[label]}" in refusal(model)


@pytest.mark.parametrize("label", ["Hund", "犬", "سگ\u200cها", "with mask", "a=b", "T-shirt", "\U0001f415"])
def test_a_label_in_any_script_is_accepted(label: str, model: Path) -> None:
    write_spec(model, labels=["Cat", label])
    assert load_spec(model)[0].labels == ("Cat", label)


@pytest.mark.parametrize("name", [name for name in UNSAFE if "\0" not in name])
def test_a_model_name_that_must_not_be_shown_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / (name if name.isspace() else f"{name}.h5")
    path.write_bytes(b"any bytes")
    for check in (load_spec, check_model_present):
        with pytest.raises(BatchPredictionsError) as error:
            check(path)
        assert str(error.value).startswith(f"model {path.name!a}: its file name {UNSAFE[name]}")
        assert str(error.value).endswith("; rename it")


@pytest.mark.parametrize("kind", ["pipe", "directory", "missing"])
def test_a_model_that_is_no_file_is_refused_by_its_spec(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    with pytest.raises(BatchPredictionsError, match=r"model \S+model\.h5: cannot be read \("):
        load_spec(path)


def refusal(model: Path) -> str:
    with pytest.raises(BatchPredictionsError) as error:
        load_spec(model)
    line = str(error.value)
    assert line.startswith(f"model spec {spec_path(model)}: ")
    assert line.endswith("; fix it, or remove it to use the defaults")
    assert "\n" not in line
    return line


def link_to(target: Path, name: str = "latest.h5") -> Path:
    """Return a link in another directory."""
    link = target.parent / "links" / name
    link.parent.mkdir()
    link.symlink_to(Path("..") / target.name)
    return link


def test_the_spec_of_a_link_is_that_of_its_target(model: Path) -> None:
    write_spec(model)
    link = link_to(model)
    assert load_spec(link)[0] == load_spec(model)[0]
    assert load_spec(link)[0].labels == ("Cat", "Dog", "Owl")
    chain = link.with_name("production.h5")
    chain.symlink_to(link)
    spec_path(link).write_text(json.dumps({**GOOD, "sha256": sha256_of(model), "labels": ["Old", "Spec"]}))
    assert load_spec(chain) == load_spec(link) == load_spec(model)


def test_a_link_to_a_model_without_a_spec_has_the_name_and_the_defaults_of_its_target(model: Path) -> None:
    assert load_spec(link_to(model)) == load_spec(model)
    assert load_spec(model)[0].name == "pets"


def test_the_spec_beside_a_link_counts_where_its_target_has_none(model: Path) -> None:
    """As in stores that keep files under the hash of their content."""
    link = link_to(model)
    spec_path(link).write_text(json.dumps({**GOOD, "sha256": sha256_of(model)}))
    spec, line = load_spec(link)
    assert (spec.name, spec.labels) == ("latest", ("Cat", "Dog", "Owl"))
    assert line == "model latest.h5: spec latest.json"
    model.write_bytes(b"other bytes")
    with pytest.raises(BatchPredictionsError, match=r"its spec latest\.json is for "):
        load_spec(link)
