"""A small decoder and encoder, written the way generated models are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from triptych.configuration import PretrainedConfig
from triptych.flax import (
    Block,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    ModelOutput,
    PreTrainedModel,
    RMSNorm,
    Rules,
    Stack,
    activation,
    attention,
    causal,
    cross_entropy,
    fold,
    kv_cache,
    new_positions,
    next_token_loss,
    normal,
    one_of,
    ones,
    padding,
    zeros,
)


class ToyConfig(PretrainedConfig):
    model_type = "toy_flax"

    vocab_size: int = 31
    hidden_size: int = 16
    num_hidden_layers: int = 3
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    intermediate_size: int = 24
    hidden_act: str = "gelu"
    dropout: float = 0.0
    max_position_embeddings: int = 20
    initializer_range: float = 0.3
    is_decoder: bool = True
    use_cache: bool = True
    pad_token_id: int | None = 0


class SelfAttention(nnx.Module):
    def __init__(self, config: ToyConfig, *, rngs: nnx.Rngs):
        self.num_attention_heads = config.num_attention_heads
        self.num_key_value_heads = config.num_key_value_heads
        self.head_dim = size = config.hidden_size // config.num_attention_heads
        self.query = Linear(config.hidden_size, config.num_attention_heads * size, rngs=rngs)
        self.key = Linear(config.hidden_size, config.num_key_value_heads * size, rngs=rngs)
        self.value = Linear(config.hidden_size, config.num_key_value_heads * size, rngs=rngs)
        self.dropout = Dropout(config.dropout, rngs=rngs)

    def __call__(self, hidden, attend, *, past=None, taps):
        b, s = hidden.shape[:2]
        q = self.query(hidden).reshape(b, s, self.num_attention_heads, self.head_dim)
        k = self.key(hidden).reshape(b, s, self.num_key_value_heads, self.head_dim)
        v = self.value(hidden).reshape(b, s, self.num_key_value_heads, self.head_dim)
        q, k, v = (x.transpose(0, 2, 1, 3) for x in (q, k, v))
        if past is not None:
            k, v = past.kv.update(k, v)
        context = attention(
            q, k, v, mask=attend, dropout=self.dropout, emit="attentions", taps=taps
        )
        return context.transpose(0, 2, 1, 3).reshape(b, s, self.num_attention_heads * self.head_dim)


class ToyLayer(Block):
    checkpoint_names = {"attention": "attention.self", "intermediate": "intermediate.dense"}

    def __init__(self, config: ToyConfig, *, rngs: nnx.Rngs):
        self.attention = SelfAttention(config, rngs=rngs)
        self.norm = RMSNorm(config.hidden_size, rngs=rngs)
        self.intermediate = Linear(config.hidden_size, config.intermediate_size, rngs=rngs)
        self.act = activation(config.hidden_act)
        self.output = Linear(config.intermediate_size, config.hidden_size, bias=False, rngs=rngs)
        self.dropout = Dropout(config.dropout, rngs=rngs)

    def __call__(self, hidden, attend, *, past=None, taps):
        hidden = hidden + self.attention(self.norm(hidden), attend, past=past, taps=taps)
        return hidden + self.dropout(self.output(self.act(self.intermediate(hidden))))


class ToyEncoder(nnx.Module):
    def __init__(self, config: ToyConfig, *, rngs: nnx.Rngs):
        self.layer = Stack([ToyLayer(config, rngs=rngs) for _ in range(config.num_hidden_layers)])

    def __call__(self, hidden, attend, *, past=None, taps):
        taps.add(hidden_states=hidden)

        def step(hidden, block, past, taps):
            hidden = block(hidden, attend, past=past, taps=taps)
            taps.add(hidden_states=hidden)
            return hidden

        return fold(step, hidden, self.layer, past=past, taps=taps)


@dataclass
class ToyModelOutput(ModelOutput):
    last_hidden_state: jax.Array | None = None
    past_key_values: Any = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None


@dataclass
class ToyLMOutput(ModelOutput):
    loss: jax.Array | None = None
    logits: jax.Array | None = None
    past_key_values: Any = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None


class FlaxToyPreTrainedModel(PreTrainedModel):
    config_class = ToyConfig
    base_model_prefix = "toy"
    initializers = {
        "linear": normal("initializer_range"),
        "embedding": normal("initializer_range"),
        "bias": zeros(),
        "norm": ones(),
    }
    roles = {"input_embeddings": "embeddings"}
    checkpoint_rules = Rules(rename=(("gamma$", "weight"),), ignore=(r"position_ids$",))


class FlaxToyModel(FlaxToyPreTrainedModel):
    def __init__(self, config: ToyConfig, *, rngs: nnx.Rngs | None = None):
        super().__init__(config, rngs=rngs)
        self.embeddings = Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id, rngs=rngs
        )
        self.positions = Embedding(config.max_position_embeddings, config.hidden_size, rngs=rngs)
        self.encoder = ToyEncoder(config, rngs=rngs)
        self.LayerNorm = LayerNorm(config.hidden_size, rngs=rngs)
        self.post_init()

    def cache_layout(self):
        config = self.config
        if not config.is_decoder:
            return []
        size = config.hidden_size // config.num_attention_heads
        return [
            {"kv": kv_cache(config.num_key_value_heads, size)}
            for _ in range(config.num_hidden_layers)
        ]

    def __call__(
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
        tokens = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        s = tokens.shape[1]
        position_ids = new_positions(s, past) if position_ids is None else position_ids
        attend = padding(attention_mask)
        if self.config.is_decoder:
            attend = attend & causal(past)
        hidden = self.encoder(tokens + self.positions(position_ids), attend, past=past, taps=taps)
        hidden = self.LayerNorm(hidden)
        if past is not None:
            past.advance(s)
        output = ToyModelOutput(
            last_hidden_state=hidden,
            past_key_values=past,
            hidden_states=taps.hidden_states,
            attentions=taps.attentions,
        )
        return output if self.use_return_dict(return_dict) else output.to_tuple()


class FlaxToyForCausalLM(FlaxToyPreTrainedModel):
    def __init__(self, config: ToyConfig, *, rngs: nnx.Rngs | None = None):
        super().__init__(config, rngs=rngs)
        self.toy = FlaxToyModel(config, rngs=rngs)
        self.lm_head = Linear(
            config.hidden_size,
            config.vocab_size,
            bias=False,
            tied=self.toy.embeddings if config.tie_word_embeddings else None,
            rngs=rngs,
        )
        self.post_init()

    def __call__(
        self,
        input_ids=None,
        attention_mask=None,
        past_key_values=None,
        labels=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
    ):
        outputs = self.toy(
            input_ids,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.lm_head(outputs.last_hidden_state)
        loss = next_token_loss(logits, labels) if labels is not None else None
        output = ToyLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
        return output if self.use_return_dict(return_dict) else output.to_tuple()


def token_loss(model, ids, labels):
    """Cross entropy over all tokens, in the form that nnx.grad differentiates."""
    logits = model(ids, use_cache=False).logits
    return cross_entropy(logits, jnp.asarray(labels))
