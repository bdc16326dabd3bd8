"""The command line of the prediction job."""

from __future__ import annotations

from dataclasses import fields

import pytest

from run_contract.arguments import JobArguments


@pytest.mark.parametrize(
    "model",
    ["/m/a.h5", "--conf", "--conf=spark.x=y", "-x", "a;rm -rf b", "{{ ds }}", "a b", "k=v=w", "", "'\"$(id)", "Ä\n"],
)
def test_arguments_survive_the_command_line(model: str) -> None:
    arguments = JobArguments(workspace=f"/w {model}", run_key="r", model=model, engine="openvino", precision="bf16")
    assert JobArguments.parse(arguments.to_argv()) == arguments


@pytest.mark.parametrize("only_new", [True, False])
def test_only_new_survives_the_command_line(only_new: bool) -> None:
    arguments = JobArguments(workspace="/w", run_key="r", model="m", only_new=only_new)
    assert f"--only-new={str(only_new).lower()}" in arguments.to_argv()
    assert JobArguments.parse(arguments.to_argv()) == arguments


def test_each_argument_is_one_word() -> None:
    argv = JobArguments(workspace="/w", run_key="r", model="--model").to_argv()
    assert len(argv) == len(fields(JobArguments))
    assert all(word.startswith("--") and "=" in word for word in argv)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--workspace=/w", "--run-key=r"],
        ["--workspace=/w", "--run-key=r", "--model=m", "--engine=torch"],
        ["--workspace=/w", "--run-key=r", "--model=m", "--precision=f16"],
        ["--workspace=/w", "--run-key=r", "--model=m", "--only-new=maybe"],
        ["--work=/w", "--run-key=r", "--model=m"],
    ],
)
def test_a_wrong_command_line_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        JobArguments.parse(argv)
    assert exit_info.value.code == 2
    assert "predict.py" in capsys.readouterr().err
