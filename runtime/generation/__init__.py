"""Text generation, the part that is the same in every framework; it imports none."""

from ..lazy import export

__getattr__, __dir__, __all__ = export(
    __name__,
    {
        "compilation": ["CompileConfig"],
        "config": ["GenerationConfig"],
        "modes": ["GenerationMode"],
        "outputs": [
            "GenerateBeamDecoderOnlyOutput",
            "GenerateBeamEncoderDecoderOutput",
            "GenerateDecoderOnlyOutput",
            "GenerateEncoderDecoderOutput",
            "SampleTSPredictionOutput",
            "TranscriptionOutput",
        ],
        "stopping": [
            "EosTokenCriteria",
            "MaxLengthCriteria",
            "MaxTimeCriteria",
            "StopStringCriteria",
            "StoppingCriteria",
            "StoppingCriteriaList",
        ],
        "streamers": [
            "AsyncTextIteratorStreamer",
            "BaseStreamer",
            "TextIteratorStreamer",
            "TextStreamer",
        ],
    },
)
