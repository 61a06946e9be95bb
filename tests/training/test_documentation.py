"""The page about training in the loop does what it says."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "quantization-aware-training.md"


def test_every_block_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["trained"].history[-1]["metric"] > 0.5
    assert names["value"] < 1.2
