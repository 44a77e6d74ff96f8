"""A small decoder, written as the compiler writes models: what the tests of models run."""

from dataclasses import dataclass

import tensorflow as tf
from triptych.checkpoint import Split
from triptych.configuration import PretrainedConfig
from triptych.tensorflow import (
    Block,
    Cache,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    ModelOutput,
    Parameter,
    PreTrainedModel,
    activation,
    attention,
    causal,
    kv_cache,
    new_positions,
    next_token_loss,
    normal,
    one_of,
    ones,
    padding,
    shape_of,
    value,
    with_past,
    zeros,
)


class SmallConfig(PretrainedConfig):
    model_type = "small"

    vocab_size: int = 31
    hidden_size: int = 16
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    max_position_embeddings: int = 32
    dropout: float = 0.0
    initializer_range: float = 0.02
    use_cache: bool = True
    pad_token_id: int | None = 0


class TFSmallAttention(Layer):
    checkpoint_names = {
        "query": Split("qkv", 3, 0),
        "key": Split("qkv", 3, 1),
        "value": Split("qkv", 3, 2),
        "output_": "out.dense",
    }

    def __init__(self, config: SmallConfig):
        super().__init__()
        self.num_attention_heads = config.num_attention_heads
        self.query = Linear(config.hidden_size, config.hidden_size)
        self.key = Linear(config.hidden_size, config.hidden_size)
        self.value = Linear(config.hidden_size, config.hidden_size)
        self.output_ = Linear(config.hidden_size, config.hidden_size)
        self.dropout = Dropout(config.dropout)
        self.built = True

    def call(self, hidden, attend=None, *, past=None, taps=None):
        b, s, _ = shape_of(hidden)

        def heads(x):
            return tf.transpose(tf.reshape(x, (b, s, self.num_attention_heads, -1)), (0, 2, 1, 3))

        q, k, v = heads(self.query(hidden)), heads(self.key(hidden)), heads(self.value(hidden))
        if past is not None:
            k, v = past.kv.update(k, v)
        context = attention(
            q, k, v, mask=attend, dropout=self.dropout, emit="attentions", taps=taps
        )
        return self.output_(tf.reshape(tf.transpose(context, (0, 2, 1, 3)), shape_of(hidden)))


class TFSmallBlock(Block):
    def __init__(self, config: SmallConfig):
        super().__init__()
        self.attention = TFSmallAttention(config)
        self.norm = LayerNorm(config.hidden_size)
        self.mlp = Linear(config.hidden_size, config.hidden_size)
        self.act = activation("gelu_new")
        self.scale = Parameter(self, "scale", (config.hidden_size,))
        self.dropout = Dropout(config.dropout)
        self.built = True

    def call(self, hidden, attend=None, *, past=None, taps=None):
        hidden = hidden + self.attention(hidden, attend, past=past, taps=taps)
        return hidden + self.dropout(self.act(self.mlp(self.norm(hidden)))) * value(self.scale)


class TFSmallPreTrainedModel(PreTrainedModel):
    config_class = SmallConfig
    base_model_prefix = "small"
    initializers = {
        "linear": normal("initializer_range"),
        "embedding": normal("initializer_range"),
        "bias": zeros(),
        "norm": ones(),
        "*.scale": ones(),
    }
    roles = {"input_embeddings": "wte"}


@dataclass
class TFSmallModelOutput(ModelOutput):
    last_hidden_state: tf.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[tf.Tensor, ...] | None = None
    attentions: tuple[tf.Tensor, ...] | None = None


@dataclass
class TFSmallForCausalLMOutput(ModelOutput):
    loss: tf.Tensor | None = None
    logits: tf.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[tf.Tensor, ...] | None = None
    attentions: tuple[tf.Tensor, ...] | None = None


class TFSmallModel(TFSmallPreTrainedModel):
    def __init__(self, config: SmallConfig):
        super().__init__(config)
        self.wte = Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.wpe = Embedding(config.max_position_embeddings, config.hidden_size)
        self.layers_ = [TFSmallBlock(config) for _ in range(config.num_hidden_layers)]
        self.post_init()

    def cache_layout(self):
        config = self.config
        head_dim = config.hidden_size // config.num_attention_heads
        return [
            {"kv": kv_cache(config.num_attention_heads, head_dim)}
            for _ in range(config.num_hidden_layers)
        ]

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        inputs_embeds=None,
        past_key_values=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
    ):
        one_of(input_ids=input_ids, inputs_embeds=inputs_embeds)
        taps = self.taps(
            output_attentions=output_attentions, output_hidden_states=output_hidden_states
        )
        past = self.open_cache(past_key_values, use_cache)
        tokens = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        s = shape_of(tokens)[1]
        if position_ids is None:
            position_ids = new_positions(s, past)
        attend = padding(attention_mask) & causal(past)
        hidden = tokens + self.wpe(position_ids)
        taps.add(hidden_states=hidden)
        for block, slots in with_past(self.layers_, past):
            hidden = block(hidden, attend, past=slots, taps=taps)
            taps.add(hidden_states=hidden)
        if past is not None:
            past.advance(s)
        output = TFSmallModelOutput(
            last_hidden_state=hidden,
            past_key_values=past,
            hidden_states=taps.hidden_states,
            attentions=taps.attentions,
        )
        return output if self.use_return_dict(return_dict) else output.to_tuple()


class TFSmallForCausalLM(TFSmallPreTrainedModel):
    def __init__(self, config: SmallConfig):
        super().__init__(config)
        self.small = TFSmallModel(config)
        self.lm_head = Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.tie(self.lm_head, self.small.wte)
        self.post_init()

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        inputs_embeds=None,
        labels=None,
        past_key_values=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
    ):
        outputs = self.small(
            input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.lm_head(outputs.last_hidden_state)
        loss = next_token_loss(logits, labels) if labels is not None else None
        output = TFSmallForCausalLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
        return output if self.use_return_dict(return_dict) else output.to_tuple()
