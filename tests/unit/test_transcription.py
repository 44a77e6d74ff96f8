"""Transcription window by window: what is refused, what comes back, and what is compiled."""

import numpy as np
import pytest
from references import generation
from triptych.errors import ConfigError, InputError
from triptych.generation import GenerationConfig
from triptych.generation.transcription import first_tokens

pytestmark = pytest.mark.filterwarnings("ignore:these settings")

FIRST = 93  # the token of time 0; a window of 18 frames has ten times
SETTINGS = {
    "lang_to_id": {"<|en|>": 60, "<|de|>": 61},
    "task_to_id": {"transcribe": 71, "translate": 70},
    "no_timestamps_token_id": FIRST - 1,
    "max_initial_timestamp_index": 3,
    "prev_sot_token_id": 5,
    "alignment_heads": [[0, 1], [1, 2]],
    "decoder_start_token_id": 4,
    "eos_token_id": 3,
    "pad_token_id": 2,
    "suppress_tokens": [2, 60, 61, 70, 71],
    "sequence_bias": [[[token], 2.0] for token in range(FIRST, FIRST + 10)],
    "language": "en",
    "max_new_tokens": 12,
}
STAMPED = {"return_timestamps": True, "return_segments": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech")
    recording = generation.load("whisper", "WhisperForConditionalGeneration")[0]
    recording.write_checkpoint(folder)
    GenerationConfig.from_dict(SETTINGS).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    pytest.importorskip("torch")
    from triptych import WhisperForConditionalGeneration

    return WhisperForConditionalGeneration.from_pretrained(folder)


def audio(rows=1, frames=70):
    return np.random.RandomState(0).randn(rows, 12, frames).astype(np.float32)


@pytest.mark.parametrize(
    "frames, given, key",
    [
        (70, {"return_timestamps": False}, "return_timestamps"),
        (70, {"no_timestamps_token_id": None}, "input_features"),
        (18, {"no_timestamps_token_id": None, **STAMPED}, "return_timestamps"),
        (18, {"alignment_heads": None, "return_token_timestamps": True}, "return_token_timestamps"),
        (18, {"prompt_ids": []}, "prompt_ids"),
        (18, {"prompt_ids": [[5, 6]]}, "prompt_ids"),
        (18, {"prompt_condition_type": "all-segments"}, "condition_on_prev_tokens"),
        (18, {"prompt_condition_type": "some"}, "prompt_condition_type"),
        (18, {"temperature": []}, "temperature"),
        (18, {"temperature": [0.0, -1.0]}, "temperature"),
        (18, {"no_speech_threshold": 0.5}, "logprob_threshold"),
        (18, {"no_speech_threshold": 1.5}, "no_speech_threshold"),
        (18, {"monitor_progress": 3}, "monitor_progress"),
        (18, {"prompt_ids": [5], "force_unique_generate_call": True}, "force_unique_generate_call"),
        (18, {"decoder_input_ids": [[4, 60]], **STAMPED}, "input_features"),
        (18, {"attention_mask": [[1, 1]], **STAMPED}, "attention_mask"),
        (18, {"num_return_sequences": 2, "num_beams": 2, **STAMPED}, "num_return_sequences"),
        (18, {"prompt_ids": [5] * 40}, "max_new_tokens"),
        (18, {"language": "xx", **STAMPED}, "language"),
    ],
)
def test_refused(model, frames, given, key):
    with pytest.raises((InputError, ConfigError)) as error:
        model.generate(audio(frames=frames), **given)
    assert error.value.key == key
    assert "\n" not in str(error.value)


def test_rows_of_long_audio_need_a_mask(model):
    with pytest.raises(InputError, match="attention_mask.*return_attention_mask"):
        model.generate(audio(2), return_timestamps=True)


def test_shape_of_features(model):
    with pytest.raises(InputError, match=r"\[b, 12, frames\]"):
        model.generate(audio()[:, :5], return_timestamps=True)


def test_one_pass(model):
    """Where it is asked for, or something stands in the place of features."""
    once = model.generate(audio(frames=18), return_timestamps=True, force_unique_generate_call=True)
    assert once[0, :3].tolist() == [4, 60, 71]
    tokens = [[4, 60, 71, 92]]
    assert model.generate(audio(frames=18), decoder_input_ids=tokens)[0, :4].tolist() == tokens[0]


@pytest.mark.parametrize(
    "forced, others, tokens",
    [
        ([[1, None], [2, 71]], {}, [4, 61, 71, 92]),
        ([[1, 60], [2, 70]], {}, [4, 60, 70, 92]),
        ([[1, 60], [2, 70], [3, 92]], {}, [4, 60, 70, 92]),
        ([[1, 60], [2, 70], [3, 92]], {"return_timestamps": True}, [4, 60, 70]),
        ([[1, 60], [2, 70]], {"task": "transcribe"}, [4, 61, 71, 92]),
        ([[2, 70]], {}, [4, 61, 92]),
        ([[1, 92]], {"lang_to_id": None, "task_to_id": None}, [4, 92]),
    ],
)
def test_first_tokens_of_older_checkpoints(forced, others, tokens):
    given = {**SETTINGS, "language": None, "forced_decoder_ids": forced, **others}
    found = first_tokens(GenerationConfig.from_dict(given), [4], lambda known: np.array([61]))
    assert found.tolist() == [tokens]


def test_text_without_times(model):
    whole = model.generate(audio(frames=18), return_dict_in_generate=True).sequences[0].tolist()
    assert whole[:4] == [4, 60, 71, 92]
    text = model.generate(audio(frames=18))[0].tolist()
    assert text == [token for token in whole[4:] if token != 3]
    said = model.generate(audio(frames=18), prompt_ids=[5, 30, 31], return_dict_in_generate=True)
    assert said.sequences[0, :7].tolist() == [5, 30, 31, 4, 60, 71, 92]


def test_segments(model):
    found = model.generate(audio(), **STAMPED)
    (segments,) = found.segments
    assert len(segments) > 3
    tokens = [token for segment in segments for token in segment["tokens"].tolist()]
    assert found.sequences[0].tolist() == tokens
    for segment in segments:
        begin, stop = segment["idxs"]
        assert segment["result"][begin:stop].tolist() == segment["tokens"].tolist()
        assert segment["start"] <= segment["end"]
    plain = model.generate(audio(), return_timestamps=True)
    assert plain.tolist() == found.sequences.tolist()


def test_results_of_searches(model):
    found = model.generate(
        audio(), return_timestamps=True, return_dict_in_generate=True, output_scores=True
    )
    result = found.segments[0][0]["result"]
    assert len(result["scores"]) == len(result["sequences"]) - 3
    assert result["scores"][0].shape == (103,)
    assert result["past_key_values"] is None


def test_rows_are_alone_what_they_are_together(model):
    features, mask = audio(2), np.ones((2, 70), np.int64)
    features[1, :, 33:], mask[1, 33:] = 0, 0
    both = model.generate(features, attention_mask=mask, **STAMPED).segments
    for row, count in enumerate((70, 33)):
        (alone,) = model.generate(features[row : row + 1, :, :count], **STAMPED).segments
        assert [s["tokens"].tolist() for s in alone] == [s["tokens"].tolist() for s in both[row]]


def test_silence_is_left_out(model):
    found = model.generate(audio(), logprob_threshold=0.0, no_speech_threshold=0.0, **STAMPED)
    assert found.segments == [[]]
    assert found.sequences.shape == (1, 0)


def test_sampling_of_what_looks_wrong(model):
    again = {"temperature": (0.0, 0.6), "logprob_threshold": 0.0, "seed": 3, **STAMPED}
    one, two = (model.generate(audio(), **again) for _ in range(2))
    assert one.sequences.tolist() == two.sequences.tolist()
    assert one.sequences.tolist() != model.generate(audio(), **STAMPED).sequences.tolist()
    several = model.generate(
        audio(), do_sample=True, num_return_sequences=3, seed=3, return_timestamps=True
    )
    assert len(several) == 3 and len(set(map(tuple, several.tolist()))) > 1


def test_progress(model):
    seen = []
    model.generate(
        audio(), return_timestamps=True, monitor_progress=lambda at: seen.append(at.tolist())
    )
    assert seen[0] == [[0, 70]] and len(seen) > 3
    assert all(before[0][0] < after[0][0] for before, after in zip(seen, seen[1:], strict=False))


def test_times_of_tokens(model):
    found = model.generate(audio(), return_token_timestamps=True, **STAMPED)
    assert found.token_timestamps.shape == found.sequences.shape
    for segment in found.segments[0]:
        assert segment["token_timestamps"].shape == segment["tokens"].shape
    short = model.generate(audio(frames=18), return_token_timestamps=True)
    assert short.token_timestamps.shape == short.sequences.shape
    assert float(short.token_timestamps.max()) <= 0.18


def compiled(framework, model):
    """How many programs there are for a model, each combination of shapes counted."""
    if framework == "flax":
        from triptych.flax.generation.engine import _PROGRAMS

        return sum(call._cache_size() for call in _PROGRAMS[model].known.values())
    from triptych.tensorflow.generation.engine import _PROGRAMS

    return sum(call.experimental_get_tracing_count() for call in _PROGRAMS[model].values())


@pytest.mark.parametrize("framework, name", [("flax", "Flax"), ("tensorflow", "TF")])
def test_later_windows_compile_nothing(folder, model, framework, name):
    """Nor do other rows and other earlier texts, in the same tokens as PyTorch."""
    pytest.importorskip(framework)
    import triptych

    other = getattr(triptych, f"{name}WhisperForConditionalGeneration").from_pretrained(folder)
    features, mask = audio(2), np.ones((2, 70), np.int64)
    features[1, :, 33:], mask[1, 33:] = 0, 0
    counts = []

    def count(at):
        counts.append(compiled(framework, other) if counts else 0)

    given = {
        "attention_mask": mask,
        "condition_on_prev_tokens": True,
        "return_timestamps": True,
    }
    found = other.generate(features, monitor_progress=count, **given)
    assert len(counts) > 3 and len({*counts[1:], compiled(framework, other)}) == 1
    assert np.asarray(found).tolist() == model.generate(features, **given).tolist()
