/* The table of all operators, from the families' arrays. */
#include <string.h>

#include "worker/engine/ops.h"

static const struct op *const families[] = {
    ops_conv_nd, ops_conv, ops_gemm,  ops_unary,  ops_binary, ops_reduce, ops_pool,
    ops_softmax, ops_resize, ops_view, ops_move,  ops_norm,   ops_shape,  ops_select,
    ops_cast,    ops_where,  ops_normalize, ops_pick, ops_generate,
    ops_line,    ops_arg, ops_random, ops_einsum, ops_grid_sample,
};

/* Operators of ONNX up to OPSET_LAST that no feed-forward network of float32 images needs. */
static const struct {
    const char *type, *reason;
} refusals[] = {
    {"LSTM", "recurrent networks are not run"},
    {"GRU", "recurrent networks are not run"},
    {"RNN", "recurrent networks are not run"},
    {"If", "it has no two branches"},
    {"Loop", "control flow is not run"},
    {"Scan", "control flow is not run"},
    {"NegativeLogLikelihoodLoss", "losses of training are not run"},
    {"SoftmaxCrossEntropyLoss", "losses of training are not run"},
    {"Bernoulli", "its samples are given by no seed of ONNX's"},
    {"Multinomial", "its samples are given by no seed of ONNX's"},
    {"RandomUniform", "its samples are given by no seed of ONNX's"},
    {"RandomUniformLike", "its samples are given by no seed of ONNX's"},
    {"QuantizeLinear", "quantised types are not run"},
    {"DequantizeLinear", "quantised types are not run"},
    {"DynamicQuantizeLinear", "quantised types are not run"},
    {"ConvInteger", "quantised types are not run"},
    {"MatMulInteger", "quantised types are not run"},
    {"QLinearConv", "quantised types are not run"},
    {"QLinearMatMul", "quantised types are not run"},
    {"BitShift", "shifts of bits are not run"},
    {"NonMaxSuppression", "the size of its result depends on the data"},
    {"Unique", "the size of its result depends on the data"},
    {"TopK", "its indices would be integers computed from samples"},
    {"MaxUnpool", "its indices would be integers computed from samples"},
    {"RoiAlign", "its regions mix the samples of a batch"},
    {"SequenceAt", "sequences are not tensors"},
    {"SequenceConstruct", "sequences are not tensors"},
    {"SequenceEmpty", "sequences are not tensors"},
    {"SequenceErase", "sequences are not tensors"},
    {"SequenceInsert", "sequences are not tensors"},
    {"SequenceLength", "sequences are not tensors"},
    {"SequenceMap", "sequences are not tensors"},
    {"SplitToSequence", "sequences are not tensors"},
    {"ConcatFromSequence", "sequences are not tensors"},
    {"Optional", "optional values are not tensors"},
    {"OptionalGetElement", "optional values are not tensors"},
    {"OptionalHasElement", "optional values are not tensors"},
    {"StringNormalizer", "strings are not run"},
    {"TfIdfVectorizer", "text is not run"},
    {"DFT", "signal processing is not run"},
    {"STFT", "signal processing is not run"},
    {"HannWindow", "signal processing is not run"},
    {"HammingWindow", "signal processing is not run"},
    {"BlackmanWindow", "signal processing is not run"},
    {"MelWeightMatrix", "signal processing is not run"},
    {"Det", "determinants are not run"},
    {"Attention", "with a cache, a causal mask, a soft cap, or fewer heads of keys than of queries"},
    {"LinearAttention", "write it as MatMul and Softmax, as exporters do up to opset 22"},
    {"RotaryEmbedding", "write it as Mul, Add and Concat, as exporters do up to opset 22"},
    {"SwiGLU", "write it as Split, Sigmoid and Mul"},
    {"DeformConv", "deformable convolutions are not run"},
    {"AffineGrid", "write it as MatMul, as exporters do up to opset 19"},
    {"CumProd", "products along an axis are not run"},
    {"BitCast", "bits are not read as other types"},
    {"TensorScatter", "caches of language models are not run"},
    {"CausalConvWithState", "recurrent networks are not run"},
    {"ImageDecoder", "pictures come decoded"},
    {"RegexFullMatch", "strings are not run"},
    {"StringConcat", "strings are not run"},
    {"StringSplit", "strings are not run"},
};

const char *op_refusal(const char *type)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strcmp(refusals[i].type, type) == 0)
            return refusals[i].reason;
    return NULL;
}

const struct op *op_at(size_t i)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct op *op = families[f]; op->type; op++)
            if (i-- == 0)
                return op;
    return NULL;
}

const struct op *op_find(const char *type, int opset, bool *exists)
{
    const struct op *op;
    *exists = false;
    for (size_t i = 0; (op = op_at(i)) != NULL; i++) {
        if (strcmp(op->type, type) != 0)
            continue;
        *exists = true;
        if (op->opset_first <= opset && opset <= op->opset_last)
            return op;
    }
    return NULL;
}
