import os
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from forecasting.errors import ConfigError
from forecasting.workflow.places import require_writable, write_figure


def test_new_and_old_files_may_be_written(tmp_path: Path, monkeypatch) -> None:
    require_writable(tmp_path / "a" / "b" / "page.html", "report")
    (tmp_path / "old.html").touch()
    require_writable(tmp_path / "old.html", "report")
    monkeypatch.chdir(tmp_path)
    require_writable(Path("page.html"), "report")
    assert [path.name for path in tmp_path.iterdir()] == ["old.html"]


def test_places_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"the report .* cannot be written \(it is a folder\)"):
        require_writable(tmp_path, "report")
    with pytest.raises(ConfigError, match="file is a file"):
        require_writable(tmp_path / "file" / "page.html", "report")


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="is not writable"):
        require_writable(tmp_path / "page.html", "report")


def test_figure_is_whole_or_not_there(tmp_path: Path) -> None:
    write_figure(Figure(), tmp_path / "deep" / "figure.png")
    assert (tmp_path / "deep" / "figure.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="Choose another path"):
        write_figure(Figure(), Path("/proc/figure.png"))
