"""``search.run --check``: one line that a space file is right, or what is wrong with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from search.run import main
from search.space.reader import SPACES

ROOT = Path(__file__).parents[2]


def test_a_right_file_is_told_in_one_line(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text((SPACES / "conv3.yaml").read_text())
    assert main(["--check", str(file)]) == 0
    told = f"{file}: ok: conv3 on cifar10, 21 keys, 24 trials of 20 epochs\n"
    assert capsys.readouterr() == (told, "")


def test_several_files_and_names_are_told_each(capsys):
    assert main(["--check", "gap5", str(SPACES / "nin.yaml")]) == 0
    assert [line.split(" on ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "gap5: ok: gap5",
        f"{SPACES / 'nin.yaml'}: ok: nin",
    ]


def test_with_data_it_is_told_what_is_left_out_of_the_folder(tmp_path, capsys):
    for name in ("train/ant/1.png", "train/ant/2.png", "train/bee/1.png", "train/bee/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"not opened")
    (tmp_path / "notes.txt").write_text("")
    assert main(["--check", "gap5", "--data", str(tmp_path)]) == 0
    line = f"left out of {tmp_path}: 1 file of no image format that is read (notes.txt)"
    assert capsys.readouterr().out.splitlines()[1:] == [line]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ((SPACES / "gap5.yaml").read_text() + "serach: {}\n", "serach: unknown key"),
        ((SPACES / "gap5.yaml").read_text().replace("lr: 0.001", "lr: 0.5"), "0.5"),
        ("architecture: [", "line 1"),
    ],
)
def test_a_wrong_file_is_told_in_one_line_with_status_2(tmp_path, capsys, content, fault):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    assert main(["--check", str(file)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"error: {file}: ")
    assert fault in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["nothing", "nothing.yaml"])
def test_a_file_that_is_not_there_is_told(name, capsys):
    assert main(["--check", name]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(("epochs", "told"), [("6", False), ("5", True), ("2", True)])
def test_a_grace_that_is_not_below_the_epochs_is_told(epochs, told, capsys):
    assert main(["--check", "conv3", "--epochs", epochs]) == 0
    line = capsys.readouterr().out
    assert f"24 trials of {epochs} epochs" in line
    assert ("; no trial is stopped early: the space's grace of 5 epochs" in line) is told


def test_neither_ray_nor_data_is_needed(tmp_path):
    code = "import sys; from search.run import main; main(['--check', 'gap5']); "
    code += "print({'ray', 'mlflow', 'torchvision.datasets'} & set(sys.modules))"
    environment = {"CONVOY_DATA": str(tmp_path / "none"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.endswith("29 keys, 24 trials of 20 epochs\nset()\n"), done.stderr
