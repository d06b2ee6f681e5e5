"""What LIBLINEAR, scikit-learn and scipy say, for tests of the fit, its measures and their intervals.

    python3 tests/oracles/fit.py > tests/oracles/fit.h

Data come from a linear congruential generator in integers, so that C makes the same ones: words(seed) below is
oracle_word() of the header's users. Needs numpy, scipy and scikit-learn.
"""
import numpy
import scipy.stats
import sklearn.metrics
import sklearn.svm

ROWS, TRAIN, FEATURES, COLUMNS = 2000, 1500, 24, 5
COST = 2.0
JUDGED = 400


def words(seed: int, count: int) -> numpy.ndarray:
    """Numerical Recipes' generator: s ← 1664525 s + 1013904223 mod 2³²."""
    out = numpy.empty(count, dtype=numpy.int64)
    for i in range(count):
        seed = (1664525 * seed + 1013904223) % 2**32
        out[i] = seed
    return out


def samples():
    """Latents in [−1, 1) of 24 bits; labels by integer normals, with noise and a shift a column."""
    x = (words(1, ROWS * FEATURES) >> 8).reshape(ROWS, FEATURES) - 2**23
    normals = (words(2, COLUMNS * FEATURES) >> 24).reshape(COLUMNS, FEATURES) - 128
    noise = (words(3, ROWS * COLUMNS) >> 8).reshape(ROWS, COLUMNS) - 2**23
    scores = x @ normals.T + 400 * noise - numpy.arange(COLUMNS) * 150 * 2**23
    return (x / 2**23).astype(numpy.float32), numpy.where(scores > 0, 1, -1)


def judged():
    """Scores with ties, and labels that lean to them; a third positive."""
    scores = ((words(4, JUDGED) >> 24) - 128) / 32
    lot = (words(5, JUDGED) >> 16) / 65536
    return scores, numpy.where(lot < 1 / (1 + numpy.exp(-scores + 1)), 1, -1)


def array(kind: str, name: str, values, form="%.17g") -> None:
    print(f"static const {kind} {name}[] = {{{', '.join(form % v for v in values)}}};")


def fits() -> None:
    x, y = samples()
    for name, balanced in (("plain", None), ("balanced", "balanced")):
        normals, offsets, right = [], [], []
        for k in range(COLUMNS):
            fitted = sklearn.svm.LinearSVC(C=COST / TRAIN, loss="squared_hinge", dual=False, tol=1e-12, max_iter=10**6,
                                           intercept_scaling=1e3, class_weight=balanced).fit(x[:TRAIN], y[:TRAIN, k])
            norm = numpy.linalg.norm(fitted.coef_[0])
            normals.extend(fitted.coef_[0] / norm)
            offsets.append(fitted.intercept_[0] / norm)
            right.append((fitted.predict(x[TRAIN:]) == y[TRAIN:, k]).sum())
        array("double", f"liblinear_{name}_normals", normals, "%.9g")
        array("double", f"liblinear_{name}_offsets", offsets, "%.9g")
        array("int", f"liblinear_{name}_right", right, "%d")


def bootstrap(scores, labels, resamples: int):
    random = numpy.random.default_rng(7)
    found = []
    for _ in range(resamples):
        i = random.integers(0, len(scores), len(scores))
        s, y = scores[i], labels[i]
        ranks = scipy.stats.rankdata(s)
        p, n = (y > 0).sum(), (y < 0).sum()
        tp, fp = ((s > 0) & (y > 0)).sum(), ((s > 0) & (y < 0)).sum()
        fn, tn = p - tp, n - fp
        found.append(((ranks[y > 0].sum() - p * (p + 1) / 2) / (p * n), 2 * tp / (2 * tp + fp + fn),
                      (tp * tn - fp * fn) / numpy.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
                      (tp / p + tn / n) / 2))
    return numpy.percentile(found, [2.5, 97.5], axis=0)


def measures() -> None:
    scores, labels = judged()
    says = numpy.where(scores > 0, 1, -1)
    tn, fp, fn, tp = sklearn.metrics.confusion_matrix(labels, says).ravel()
    array("int", "judged_counts", (tp, fp, tn, fn), "%d")
    m = sklearn.metrics
    for name, value in (("accuracy", m.accuracy_score(labels, says)),
                        ("balanced", m.balanced_accuracy_score(labels, says)),
                        ("precision", m.precision_score(labels, says)), ("recall", m.recall_score(labels, says)),
                        ("f1", m.f1_score(labels, says)), ("mcc", m.matthews_corrcoef(labels, says)),
                        ("auc", m.roc_auc_score(labels, scores)),
                        ("entropy", (m.log_loss(labels, numpy.where(says > 0, tp / (tp + fp), fn / (tn + fn)))
                                     / numpy.log(2)))):
        print(f"static const double judged_{name} = {value:.17g};")
    for name, k, n in (("accuracy", tp + tn, JUDGED), ("precision", tp, tp + fp), ("recall", tp, tp + fn)):
        array("double", f"wilson_{name}", scipy.stats.binomtest(int(k), int(n)).proportion_ci(method="wilson"))
    # columns: area, F1, Matthews, balanced accuracy; row 0 low, row 1 high
    array("double", "bootstrap_percentiles", bootstrap(scores, labels, 20000).ravel(), "%.6f")


def main() -> None:
    print("/* Made by tests/oracles/fit.py with scikit-learn, scipy and numpy: see there. */")
    print("#ifndef TESTS_ORACLES_FIT_H\n#define TESTS_ORACLES_FIT_H\n")
    print(f"enum {{ ORACLE_ROWS = {ROWS}, ORACLE_TRAIN = {TRAIN}, ORACLE_FEATURES = {FEATURES}, "
          f"ORACLE_COLUMNS = {COLUMNS}, ORACLE_JUDGED = {JUDGED} }};")
    print(f"static const double oracle_cost = {COST:g};\n")
    fits()
    measures()
    print("\n#endif")


if __name__ == "__main__":
    main()
