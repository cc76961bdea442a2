"""What became of an image, once more: the rules of camrank/results.h, with fractions."""
from fractions import Fraction


def area(box):
    return max(0, box[2] - box[0] + 1) * max(0, box[3] - box[1] + 1)


def shared(a, b):
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def why_wrong(box, truth):
    box, truth = [int(side) for side in box], [[int(side) for side in t] for t in truth]
    if sum(Fraction(shared(box, t), area(t)) >= Fraction(1, 2) for t in truth) >= 2:
        return "merged"
    if max(Fraction(shared(box, t), area(box)) for t in truth) >= Fraction(3, 4):
        return "part"
    if max(Fraction(shared(box, t), area(t)) for t in truth) >= Fraction(3, 4):
        return "too_large"
    return "shifted" if any(shared(box, t) for t in truth) else "missed"


def outcome(class_right, iou, threshold, box, truth):
    if not class_right:
        return "wrong_class"
    return "right" if iou >= threshold else why_wrong(box, truth)
