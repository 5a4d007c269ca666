"""The course's folder form: read, written, and refused with the reason."""

import csv
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.__main__ import main
from trainables.data.dataset import NO_CLASS, UNLABELLED
from trainables.data.export import export
from trainables.data.folder import list_folder, read_folder


def read(folder):
    return read_folder(list_folder(folder))


@pytest.fixture(scope="session")
def exported(embedded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "set"
    export(embedded.truncated(60), folder, test_labels=True)
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "data")


def unlisted(folder):
    """The folder as the course gives it, without labels.csv."""
    (folder / "labels.csv").unlink()
    return folder


def test_an_exported_set_reads_back_as_the_same_arrays(embedded, exported):
    written, back = embedded.truncated(60), read(exported)
    assert back.classes == written.classes
    for name, split in written.splits.items():
        assert np.array_equal(back.splits[name].images, split.images)
        assert np.array_equal(back.splits[name].labels, split.labels)
        assert np.array_equal(back.splits[name].digits, split.digits)


def test_the_export_has_the_courses_form(exported):
    classes = sorted(path.name for path in (exported / "train").iterdir())
    assert len(classes) == 10
    assert sorted(path.name for path in (exported / "val").iterdir()) == classes
    assert len(list((exported / "test").glob("*.png"))) == 60


def test_labels_csv_has_a_row_for_every_image(exported):
    with (exported / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["split", "filename", "label", "digit"]
    assert len(rows) == 180
    assert all((exported / row["split"] / row["filename"]).is_file() for row in rows)


def test_without_labels_csv_images_are_in_sorted_order_and_the_test_unlabelled(folder):
    data = read(unlisted(folder))
    assert (np.diff(data.train.labels) >= 0).all()
    assert (data.test.labels == UNLABELLED).all()
    assert data.test.filenames == tuple(sorted(path.name for path in (folder / "test").iterdir()))
    assert data.train.digits is None


def test_jpegs_are_read(folder):
    unlisted(folder)
    for path in list(folder.rglob("*.png")):
        Image.open(path).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
    assert len(read(folder).train) == 60


def test_an_export_of_fewer_images_than_classes_reads_back(embedded, tmp_path):
    export(embedded.truncated(5), tmp_path / "five")
    assert np.array_equal(read(tmp_path / "five").train.images, embedded.truncated(5).train.images)


def test_a_class_folder_behind_a_link_is_watched_too(folder, tmp_path):
    (unlisted(folder) / "train" / "star").rename(tmp_path / "elsewhere")
    (folder / "train" / "star").symlink_to(tmp_path / "elsewhere")
    before = load(DataSpec(), str(folder)).fingerprint
    for path in (tmp_path / "elsewhere").iterdir():
        Image.new("RGB", (40, 40), "red").save(path)
    assert load(DataSpec(), str(folder)).fingerprint != before


def test_a_class_folder_that_appears_after_caching_is_refused(folder):
    load(DataSpec(), str(unlisted(folder)))
    (folder / "train" / "zebra").mkdir()
    with pytest.raises(UsageError, match="val lacks the class folder 'zebra', which the other has"):
        load(DataSpec(), str(folder))


def test_a_labels_file_from_a_spreadsheet_is_read(folder):
    path = folder / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read(folder).train) == 60


def test_a_name_that_would_break_the_list_of_predictions_is_refused(folder):
    path = next((unlisted(folder) / "test").iterdir())
    path.rename(path.with_name("a\nb.png"))
    with pytest.raises(UsageError, match="unprintable"):
        read(folder)


def test_a_name_with_a_comma_is_read(folder):
    path = next((unlisted(folder) / "test").iterdir())
    path.rename(path.with_name("a,b.png"))
    assert "a,b.png" in read(folder).test.filenames


def test_hidden_files_and_folders_are_passed_over(folder):
    (unlisted(folder) / "train" / ".ipynb_checkpoints").mkdir()
    (folder / "val" / "star" / "._000001.png").write_bytes(b"resource fork")
    assert len(read(folder).val) == 60


def test_a_folder_without_test_images_has_an_empty_test_split(folder):
    shutil.rmtree(unlisted(folder) / "test")
    assert len(read(folder).test) == 0


def test_a_changed_image_is_noticed_by_the_cache(folder):
    before = load(DataSpec(), str(folder)).fingerprint
    path = next((folder / "train").rglob("*.png"))
    Image.new("RGB", (40, 40), "red").save(path)
    assert load(DataSpec(), str(folder)).fingerprint != before


def break_class(folder):
    shutil.rmtree(folder / "val" / "star")


def break_split(folder):
    shutil.rmtree(folder / "train")


def break_empty(folder):
    for path in (folder / "train" / "star").iterdir():
        path.unlink()


def break_image(folder):
    next((folder / "train").rglob("*.png")).write_bytes(b"not an image")


def break_truncated(folder):
    path = next((folder / "train").rglob("*.png"))
    path.write_bytes(path.read_bytes()[:200])


def break_mode(folder):
    path = next((folder / "val").rglob("*.png"))
    Image.fromarray(np.zeros((40, 40), dtype=np.float32)).save(path, "TIFF")  # whatever its name


BROKEN = [
    (break_class, "lacks the class folder 'star'"),
    (break_split, "has no folder train/"),
    (break_empty, "star holds no images"),
    (break_image, "does not decode"),
    (break_truncated, "does not decode"),
    (break_mode, "cannot be converted to RGB"),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN, ids=lambda v: getattr(v, "__name__", ""))
def test_a_damaged_folder_is_refused_with_the_place(folder, damage, message):
    damage(unlisted(folder))
    with pytest.raises(UsageError, match=message):
        read(folder)


def rewrite(folder, change):
    path = folder / "labels.csv"
    path.write_text(change(path.read_text()))


LISTS = [
    (lambda text: text + "train,absent.png,1,3\n", "absent.png is in labels.csv but not in"),
    (lambda text: "\n".join(text.splitlines()[:-1]), "is not listed"),
    (lambda text: text + "test,zzz.png,one,3\n", "line 182"),
    (lambda text: text + text.splitlines()[-1] + "\n", "appears twice"),
    (lambda text: text + "test,zzz.png,10,3\n", "label 10 is not below 10"),
    (lambda text: text + "test,zzz.png,1,12\n", "digit 12 is not between"),
]


@pytest.mark.parametrize(("change", "message"), LISTS)
def test_a_labels_file_that_does_not_match_is_refused(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(UsageError, match=message):
        read(folder)


def test_a_split_without_images_is_refused_though_labels_csv_lists_none(folder):
    for path in (folder / "val").rglob("*.png"):
        path.unlink()
    rewrite(
        folder, lambda text: "".join(line for line in text.splitlines(True) if "val" not in line)
    )
    with pytest.raises(UsageError, match="and 7 more hold no images"):
        read(folder)


def test_a_label_that_contradicts_the_folder_is_refused(folder):
    lines = (folder / "labels.csv").read_text().splitlines()
    split, name, label, digit = lines[1].split(",")
    lines[1] = ",".join([split, name, str((int(label) + 1) % 10), digit])
    rewrite(folder, lambda _: "\n".join(lines))
    with pytest.raises(UsageError, match="but its folder has label"):
        read(folder)


def test_the_command_line_exports_a_limited_set(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["export", "--set", "embedded", "--out", str(out), "--limit", "20"]) == 0
    assert len(read(out).val) == 20
    assert "train: 20 images" in capsys.readouterr().out


def test_an_export_seals_the_labels_of_the_test_images_and_reads_back_so(embedded, tmp_path):
    export(embedded.truncated(60), tmp_path / "set")
    back = read(tmp_path / "set")
    assert (back.test.labels == UNLABELLED).all()
    assert np.array_equal(back.test.digits, embedded.truncated(60).test.digits)
    assert np.array_equal(back.val.labels, embedded.truncated(60).val.labels)


@pytest.mark.parametrize("asked", [True, False])
def test_labels_csv_tells_the_test_labels_only_if_asked(tmp_path, capsys, asked):
    flags = ["--with-test-labels"] if asked else []
    arguments = ["--set", "embedded", "--limit", "20", "--out", str(tmp_path / "out"), *flags]
    assert main(["export", *arguments]) == 0
    with (tmp_path / "out" / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    assert [row["label"] != "" for row in rows] == [asked] * 20
    assert ("without the test images' labels" in capsys.readouterr().out) is not asked


def test_a_label_that_labels_csv_leaves_empty_is_that_of_the_folder(folder):
    before = read(folder).train.labels
    rewrite(folder, lambda text: re.sub(r"^(train,[^,]*),\d,", r"\1,,", text, flags=re.MULTILINE))
    assert np.array_equal(read(folder).train.labels, before)


def test_a_digit_that_labels_csv_leaves_empty_beside_others_points_to_no_class(folder):
    first = read(folder).train.digits
    rewrite(
        folder, lambda text: re.sub(r"^(train,.*),\d$", r"\1,", text, count=1, flags=re.MULTILINE)
    )
    assert read(folder).train.digits.tolist() == [NO_CLASS, *first[1:]]


def test_an_unknown_digit_is_exported_as_an_empty_one(embedded, tmp_path):
    few = embedded.truncated(60)
    digits = np.where(np.arange(60) % 3, few.val.digits, NO_CLASS)
    export(replace(few, val=replace(few.val, digits=digits)), tmp_path / "set")
    assert np.array_equal(read(tmp_path / "set").val.digits, digits)


def test_the_command_line_exports_real_images_that_read_back(tmp_path, real_data, composite):
    out = tmp_path / "out"
    arguments = ["--set", "composite", "--data", real_data, "--out", str(out), "--limit", "50"]
    assert main(["export", *arguments]) == 0
    back = read(out)
    assert np.array_equal(back.val.images, composite.val.limited(50).images)
    assert np.array_equal(back.val.digits, composite.val.limited(50).digits)


@pytest.mark.parametrize(
    "arguments", [["--limit", "0"], ["--limit", "few"], ["--data", "/no/such"]]
)
def test_a_bad_export_writes_nothing(tmp_path, capsys, arguments):
    out = tmp_path / "out"
    assert main(["export", "--set", "composite", "--out", str(out), *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_images_is_not_exported_as_cifar10(folder, tmp_path, capsys):
    arguments = ["--set", "cifar10", "--data", str(folder), "--out", str(tmp_path / "out")]
    assert main(["export", *arguments]) == 2
    assert "holds a folder of images or other files" in capsys.readouterr().err


def test_an_export_does_not_write_over_a_folder(folder, capsys):
    assert main(["export", "--set", "embedded", "--out", str(folder)]) == 2
    assert "already exists" in capsys.readouterr().err
