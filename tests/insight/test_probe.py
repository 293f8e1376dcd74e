import numpy as np
import pytest

from protgraph.insight.probe import linear


def blobs(seed, count=600, width=5):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, count)
    x = generator.normal(size=(count, width)).astype(np.float32)
    x[:, 0] += 3 * (y == 1)
    x[:, 1] += 3 * (y == 2)
    return x * np.float32(7) + np.float32(100), y


def test_it_finds_what_a_linear_layer_can_find_as_scikit_learn_does():
    from sklearn.linear_model import LogisticRegression

    probe = linear(blobs(0), blobs(1), classes=3, penalties=[1e-6])
    x, y = blobs(2)
    found = probe.scores(x)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    mean, spread = blobs(0)[0].mean(axis=0), blobs(0)[0].std(axis=0)
    # scikit-learn weighs the sum of the losses by C and half the squared norm.
    theirs = LogisticRegression(C=1 / (2 * 1e-6 * 600), max_iter=1000)
    theirs.fit((blobs(0)[0] - mean) / spread, blobs(0)[1])
    np.testing.assert_allclose(found, theirs.predict_proba((x - mean) / spread), atol=2e-3)
    assert (found.argmax(axis=1) == y).mean() > 0.85


def test_validation_chooses_the_penalty():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(40, 60)).astype(np.float32)
    y = generator.integers(0, 2, 40)
    noise = (generator.normal(size=(200, 60)).astype(np.float32), generator.integers(0, 2, 200))
    assert linear((x, y), noise, classes=2, penalties=[1e-6, 10.0]).penalty == 10.0
    assert linear((x, y), (x, y), classes=2, penalties=[1e-6, 10.0]).penalty == 1e-6


def test_a_column_that_never_changes_does_no_harm():
    x, y = blobs(0)
    x = np.hstack([x, np.full((len(x), 1), 5, dtype=np.float32)])
    assert np.isfinite(linear((x, y), (x, y), classes=3).scores(x)).all()


def test_sides_that_do_not_fit_are_refused():
    x, y = blobs(0)
    with pytest.raises(ValueError, match=r"valid has \[600, 4\] and 600"):
        linear((x, y), (x[:, :4], y), classes=3)
    with pytest.raises(ValueError, match="Classes are from 0 to 1, got 0 to 2"):
        linear((x, y), (x, y), classes=2)
