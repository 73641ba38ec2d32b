"""``python -m benchmarks service``, with tiny numbers."""

import json

import pytest
from conftest import GOLD

from benchmarks.__main__ import main


@pytest.mark.slow
def test_all_is_measured(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{words}\n" for words, _ in GOLD), encoding="utf-8")
    options = ["--connections", "3", "--seconds", "0", "--requests", "30", "--workers", "1"]
    files = [str(tmp_path / "model"), str(texts), "--output", str(tmp_path / "numbers.json")]
    with pytest.raises(SystemExit) as exit_info:
        main(["service", *files, *options])
    assert not exit_info.value.code
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert 30 <= numbers["requests"] < 40
    assert numbers["errors"] == numbers["different"] == 0
    assert numbers["p99_ms"] >= numbers["median_ms"] > 0.0
    assert numbers["texts_per_second"] > 0.0 and numbers["ratio"] > 0.0
    assert numbers["last_memory_mib"] > 100.0
