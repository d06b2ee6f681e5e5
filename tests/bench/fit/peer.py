"""Peers of the fit: plain numpy Newton-CG, LIBLINEAR's primal solver and libsvm's linear SVC.

All minimise over w and b, for each column of labels y = ±1 with n rows and weights c_i = C / n,

    f(w, b) = ½‖w‖² + Σ c_i max(0, 1 − y_i (w·x_i + b))²

(SVC: the hinge without the square). newton() is the algorithm of worker/fit.c, as one writes it in numpy:
float32 products for all columns at once, vectors in float64, columns that are done left out of the products.
"""
import numpy

FORCING_MOST, FORCING_LEAST = 0.1, 1e-3
GRADIENT_SHARE = 1e-4
NEWTON_STEPS, CONJUGATE_STEPS, HALVINGS = 60, 250, 6


def products(x: numpy.ndarray, v: numpy.ndarray) -> numpy.ndarray:
    return x @ v.astype(numpy.float32)


def evaluate(x, y, cost, w):
    """Loss and gradient at w[features + 1][columns], and where the slack is positive."""
    slack = 1 - y * (products(x, w[:-1]) + w[-1].astype(numpy.float32))
    numpy.maximum(slack, 0, out=slack)
    loss = cost * numpy.einsum("ij,ij->j", slack, slack, dtype=numpy.float64) + 0.5 * (w[:-1] ** 2).sum(0)
    residual = (-2 * cost) * y * slack
    gradient = numpy.vstack([x.T @ residual + w[:-1], residual.sum(0, dtype=numpy.float64)])
    return loss, gradient, slack > 0


def conjugate(x, active, cost, gradient, share):
    """step ≈ −H⁻¹ gradient for all columns; each stops by its own residual."""
    step, residual = numpy.zeros_like(gradient), -gradient
    along = residual.copy()
    norm = numpy.sqrt((gradient**2).sum(0))
    square = norm**2
    going = numpy.flatnonzero(norm > 0)
    for _ in range(CONJUGATE_STEPS):
        if going.size == 0:
            break
        v = along[:, going]
        forward = products(x, v[:-1]) + v[-1].astype(numpy.float32)
        forward *= active[:, going]
        forward *= 2 * cost
        product = numpy.vstack([x.T @ forward + v[:-1], forward.sum(0, dtype=numpy.float64)])
        length = square[going] / (v * product).sum(0)
        step[:, going] += length * v
        residual[:, going] -= length * product
        following = (residual[:, going] ** 2).sum(0)
        turn = following / square[going]
        square[going] = following
        along[:, going] = residual[:, going] + turn * v
        going = going[numpy.sqrt(following) > share[going] * norm[going]]
    return step


def newton(x: numpy.ndarray, y: numpy.ndarray, cost: float):
    """x[rows][features] float32, y[rows][columns] float32 ±1. Returns w[features + 1][columns] and the losses."""
    rows, columns = y.shape
    cost = numpy.float32(cost / rows)
    w = numpy.zeros((x.shape[1] + 1, columns))
    loss, gradient, active = evaluate(x, y, cost, w)
    first = norm = numpy.sqrt((gradient**2).sum(0))
    going = numpy.flatnonzero(norm > 0)
    for _ in range(NEWTON_STEPS):
        if going.size == 0:
            break
        share = numpy.clip(0.5 * norm[going] / first[going], FORCING_LEAST, FORCING_MOST)
        step = conjugate(x, active[:, going], cost, gradient[:, going], share)
        length = numpy.ones(going.size)
        for _ in range(HALVINGS):
            after = evaluate(x, y[:, going], cost, w[:, going] + length * step)
            slope = (gradient[:, going] * step).sum(0)
            worse = after[0] > loss[going] + 1e-4 * length * slope + 1e-6 * loss[going]
            if not worse.any():
                break
            length[worse] /= 2
        w[:, going] += length * step
        loss[going], gradient[:, going], active[:, going] = after
        norm = norm.copy()
        norm[going] = numpy.sqrt((gradient[:, going] ** 2).sum(0))
        going = going[norm[going] > GRADIENT_SHARE * first[going]]
    return w, loss


def loss(x: numpy.ndarray, y: numpy.ndarray, cost: float, w: numpy.ndarray) -> numpy.ndarray:
    """The objective in float64, a column."""
    total = 0.5 * (w[:-1] ** 2).sum(0)
    for at in range(0, len(x), 8192):
        slack = numpy.maximum(1 - y[at:at + 8192] * (x[at:at + 8192].astype(float) @ w[:-1] + w[-1]), 0)
        total = total + cost / len(x) * (slack**2).sum(0)
    return total


def liblinear(x: numpy.ndarray, y: numpy.ndarray, cost: float) -> numpy.ndarray:
    """One column y[rows]. LIBLINEAR regularises the offset; scaling its feature by 10 makes that small."""
    from sklearn.svm import LinearSVC
    fitted = LinearSVC(C=cost / len(x), loss="squared_hinge", dual=False, tol=1e-4, intercept_scaling=10.0).fit(x, y)
    return numpy.append(fitted.coef_[0], fitted.intercept_[0])


def svc(x: numpy.ndarray, y: numpy.ndarray, cost: float) -> numpy.ndarray:
    from sklearn.svm import SVC
    fitted = SVC(C=cost, kernel="linear").fit(x, y)
    return numpy.append(fitted.coef_[0], fitted.intercept_[0])
