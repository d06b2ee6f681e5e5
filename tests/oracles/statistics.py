"""Values that tests/common/test_statistics.c holds, by numpy and scipy: python3 tests/oracles/statistics.py

Philox is written here anew from its paper; numpy's own is the 64-bit one.
"""
import numpy as np

MASK = 0xFFFFFFFF


def philox(key, counter):
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def resample(seed, part, number, count):
    words = []
    for block in range((count + 3) // 4):
        words += philox((seed & MASK, seed >> 32), (block, number, part, 2))
    return np.bincount([w * count >> 32 for w in words[:count]], minlength=count)


def values(count):
    """What the test fills its series with: exact in float32."""
    return np.array([(i * 37 % 101) / 8.0 - 5 for i in range(count)])


def wilson(hits, n, z=1.96):
    p = hits / n
    middle = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return max(middle - half, 0), min(middle + half, 1)


if __name__ == "__main__":
    x = values(57)
    print("quantiles", [repr(float(np.quantile(x, p))) for p in (0, 0.05, 0.25, 0.5, 0.975, 1)])
    print("times", list(resample(0x123456789ABCDEF, 7, 3, 13)))
    means = np.array([resample(42, 0, r, 57) @ x / 57 for r in range(400)])
    print("means", repr(means[0]), repr(means[399]))
    print("percentile", [repr(float(q)) for q in np.quantile(means, [0.025, 0.975])])
    print("by formula", repr(x.mean()), repr(1.96 * x.std() / np.sqrt(57)))
    for hits, n in ((0, 10), (3, 92), (92, 92), (12345, 100000)):
        print("wilson", hits, n, [repr(float(v)) for v in wilson(hits, n)])

    # ---- distances ----
    from scipy.linalg import sqrtm
    from scipy.stats import norm, wasserstein_distance

    i, k = np.meshgrid(np.arange(60), np.arange(5), indexing="ij")
    a = ((i * 37 + k * 53) % 101) / 16.0 + k * ((i * 29) % 17) / 8.0
    b = ((i * 31 + k * 71) % 97) / 20.0 + ((i * 13) % 19) / 8.0

    def frechet(x, y):
        cx, cy = np.cov(x.T), np.cov(y.T)
        return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx + cy - 2 * sqrtm(cx @ cy).real)

    sizes = [60, 30, 20, 15]
    line = np.polyfit([1 / n for n in sizes], [frechet(a[:n], b[:n]) for n in sizes], 1)
    print("frechet", repr(frechet(a, b)), "extrapolated", repr(line[1]))
    kernel = lambda x, y: (x @ y.T / 5 + 1) ** 3
    off = lambda m: m.sum() - np.trace(m)
    print("kernel", repr((off(kernel(a, a)) + off(kernel(b, b))) / (60 * 59) - 2 * off(kernel(a, b)) / (60 * 59)))
    # Fewer rows than numbers, and one number that never changes: by the singular values of rows times rows.
    i, k = np.meshgrid(np.arange(20), np.arange(33), indexing="ij")
    wide = [((i * 37 + k * 53 + i * k * 11) % 101) / 16.0, ((i * 31 + k * 71 + i * k * 7) % 97) / 20.0]
    for x in wide:
        x[:, 5] = 2
    rows = [(x - x.mean(0)) / np.sqrt(19) for x in wide]
    common = np.linalg.svd(rows[0] @ rows[1].T, compute_uv=False).sum()
    print("wide", repr(((wide[0].mean(0) - wide[1].mean(0)) ** 2).sum() + sum((x * x).sum() for x in rows) - 2 * common))
    total = 0
    for s in range(16):
        words = [w for block in range(2) for w in philox((42, 0), (s, block, 0, 3))][:5]
        d = norm.ppf((np.array(words) + 0.5) / 2**32).astype(np.float32).astype(float)
        d /= np.sqrt((d * d).sum())
        total += wasserstein_distance(a @ d, b @ d) / 16
    print("sliced", repr(total))
