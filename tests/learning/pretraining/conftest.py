"""Two small folders: text in ten scripts, and translations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xviz.store import Store

WORDS = {
    "eng": "the a dog cat sees runs big small house and in water we read books today".split(),
    "deu": "der die das Hund Katze sieht läuft groß klein Haus und in Wasser wir lesen Bücher heute".split(),
    "vie": "con chó mèo thấy chạy lớn nhỏ nhà và trong nước chúng tôi đọc sách hôm nay".split(),
    "rus": "собака кошка видит бежит большой маленький дом и в вода мы читаем книги сегодня".split(),
    "ara": "الكلب القطة يرى يجري كبير صغير البيت و في الماء نحن نقرأ الكتب اليوم".split(),
    "hin": "कुत्ता बिल्ली देखता दौड़ता बड़ा छोटा घर और में पानी हम किताबें पढ़ते आज".split(),
    "kor": "개가 고양이를 본다 달린다 큰 작은 집 그리고 물에서 우리는 책을 읽는다 오늘".split(),
    "tha": "สุนัข แมว เห็น วิ่ง ใหญ่ เล็ก บ้าน และ ใน น้ำ เรา อ่าน หนังสือ วันนี้".split(),
    "zho": "狗 猫 看见 跑 大 小 房子 和 在 水 我们 读 书 今天".split(),
    "jpn": "犬 猫 見る 走る 大きい 小さい 家 と で 水 私たち 読む 本 今日".split(),
}
UNSPACED = {"tha", "zho", "jpn"}


def sentence(language: str, rng: np.random.Generator) -> str:
    words = rng.choice(WORDS[language], size=rng.integers(3, 9))
    end = "。" if language in {"zho", "jpn"} else "." if rng.random() < 0.7 else f" {rng.integers(100)}!"
    return ("" if language in UNSPACED else " ").join(words) + end


@pytest.fixture(scope="session")
def text(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    for n, language in enumerate(WORDS):
        rng = np.random.default_rng(n)
        lines = [sentence(language, rng) for _ in range(60 if language == "vie" else 240)]
        (folder / f"{language}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(9)
    orders = [rng.integers(14, size=rng.integers(3, 7)) for _ in range(80)]
    (folder / "news").mkdir()
    for language in ("eng", "deu", "rus"):
        lines = [" ".join(WORDS[language][i] for i in order) for order in orders]
        (folder / "news" / f"news.{language}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    rows = ["\t".join(" ".join(WORDS[k][i] for i in order) for k in ("eng", "hin")) for order in orders[:40]]
    (folder / "talk.eng-hin.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XVIZ_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
