from __future__ import annotations

from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline

from tests.support.workers import tiny, tiny_diffusion
from tests.support.workers.settings import CPU
from workers.features import FeatureMap
from workers.generators import Generator, load_generator
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model
from workers.serving.loaded_model import Encoders


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.llama(), tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.gpt2(), tmp_path_factory.mktemp("gpt2"), chat_template=None)


@pytest.fixture(scope="session")
def llama(llama_folder: Path) -> LanguageModel:
    return load_language_model("tiny-llama", str(llama_folder), CPU)


@pytest.fixture(scope="session")
def gpt2(gpt2_folder: Path) -> LanguageModel:
    return load_language_model("tiny-gpt2", str(gpt2_folder), CPU)


@pytest.fixture(scope="session")
def smollm2() -> Generator:
    """The real default model. A machine that never ran it converts it once, in about 20 s."""
    return load_generator("smollm2-135m", CPU)


@pytest.fixture(scope="session")
def sentence_encoder() -> FeatureMap:
    return Encoders(CPU).sentence


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_diffusion.save(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="session")
def picture_model(pipeline_folder: Path) -> DiffusionModel:
    return tiny_diffusion.load(pipeline_folder)


@pytest.fixture(scope="session")
def bare_pipeline(pipeline_folder: Path) -> StableDiffusionPipeline:
    return tiny_diffusion.bare(pipeline_folder)
