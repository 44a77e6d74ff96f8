"""Attributes to which a framework gives a meaning; layers of that name get a trailing `_`."""

from __future__ import annotations

# the public names of each framework's modules, and of the runtime's bases

PYTORCH_NAMES = """
    T_destination add_module apply base_model base_model_prefix bfloat16 buffers cache_layout
    cache_name checkpoint_prefix call_super_init checkpoint_names checkpoint_rules checkpointing
    children compile config config_class cpu cuda device double dtype dump_patches eval extra_repr
    float forward from_config from_pretrained get_buffer get_extra_state get_input_embeddings
    get_output_embeddings get_parameter get_submodule gradient_checkpointing_disable
    gradient_checkpointing_enable half init_cache initializers ipu is_gradient_checkpointing
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    num_parameters open_cache parameters post_init register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook renames requires_grad_
    resize_token_embeddings roles save_pretrained set_extra_state set_submodule share_memory
    state_dict stored_prefix stored_tensors taps tie tied to to_empty train training type
    use_return_dict xpu zero_grad
"""
PYTORCH = frozenset(PYTORCH_NAMES.split())

TENSORFLOW_NAMES = """
    activity_regularizer add_loss add_metric add_variable add_weight autocast base_model
    base_model_prefix build build_from_config built cache_layout cache_name call
    call_signature_parameters checkpoint_prefix checkpoint_names checkpoint_rules checkpointing
    compile compile_from_config compiled compiled_loss compiled_metrics compute_dtype compute_loss
    compute_mask compute_metrics compute_output_shape compute_output_spec config config_class
    count_params distribute_reduction_method distribute_strategy dtype dtype_policy evaluate export
    fit from_config from_pretrained get_build_config get_compile_config get_config
    get_input_embeddings get_layer get_metrics_result get_output_embeddings
    get_quantization_layer_structure get_state_tree get_weights gradient_checkpointing_disable
    gradient_checkpointing_enable init_cache initialize_weights initializers input input_dtype
    input_spec is_gradient_checkpointing jit_compile kind layers load_own_variables load_weights
    loss losses make_predict_function make_test_function make_train_function metrics metrics_names
    metrics_variables name non_trainable_variables non_trainable_weights num_parameters open_cache
    output path post_init predict predict_function predict_on_batch predict_step quantization_mode
    quantize quantized_build quantized_call rematerialized_call reset_metrics
    resize_token_embeddings roles run_eagerly save save_own_variables save_pretrained save_weights
    set_checkpointing set_state_tree set_weights stateless_call stateless_compute_loss
    steps_per_execution summary supports_jit supports_masking stored_prefix symbolic_call taps
    test_function test_on_batch test_step tie to_json train_function train_on_batch train_step
    trainable trainable_variables trainable_weights unrolled_steps_per_execution use_return_dict
    variable_dtype variables weights
"""
TENSORFLOW = frozenset(TENSORFLOW_NAMES.split())

FLAX_NAMES = """
    base_model base_model_prefix cache_layout cache_name checkpoint_names checkpoint_prefix
    checkpoint_rules checkpointing compute_dtype config config_class deterministic dtype eval
    first_value from_config from_pretrained get_input_embeddings get_output_embeddings
    gradient_checkpointing_disable gradient_checkpointing_enable init_cache initialize initializers
    is_gradient_checkpointing iter_children iter_modules kind leaf_names num_parameters open_cache
    perturb post_init resize_token_embeddings rngs roles save_pretrained set_attributes sow
    stored_prefix stored_tensors taps tie tied train training use_return_dict
"""
FLAX = frozenset(FLAX_NAMES.split())
