"""Datasets and loaders of one's own."""

import torch
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


class Squares(Dataset):
    def __init__(self, count, transform=None):
        self.count, self.transform = count, transform

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if i >= self.count:
            raise IndexError(i)
        sample = {"x": torch.tensor(float(i)), "y": i * i, "name": f"n{i}"}
        return self.transform(sample) if self.transform else sample


data = Squares(7)
print(len(data), data[3])
for batch in DataLoader(data, batch_size=3):
    print(batch)
torch.manual_seed(0)
loader = DataLoader(data, batch_size=2, shuffle=True, drop_last=True)
print(len(loader))
for epoch in range(2):
    print(epoch, [b["y"].tolist() for b in loader])

features, labels = torch.arange(10.0).view(5, 2), torch.arange(5)
pairs = TensorDataset(features, labels)
print(pairs[1], pairs[1:3], len(pairs))
for xb, yb in DataLoader(pairs, batch_size=2):
    print(xb, yb)
train, valid = random_split(pairs, [3, 2], generator=torch.Generator().manual_seed(42))
print(train.indices, valid.indices, [int(y) for _, y in train])
print([len(part) for part in random_split(range(10), [0.7, 0.3], generator=torch.Generator().manual_seed(1))])
both = ConcatDataset([pairs, Subset(pairs, [4, 0])])
print(len(both), both[5], both[-1])
sampler = WeightedRandomSampler([0.1, 0.1, 0.8], 10, generator=torch.Generator().manual_seed(3))
print(list(sampler))
images, target = next(iter(DataLoader(pairs, batch_size=5, shuffle=True, generator=torch.Generator().manual_seed(5))))
print(f"Feature batch shape: {images.size()}", f"Labels batch shape: {target.size()}", target)
print(list(DataLoader(range(5), batch_size=2, collate_fn=lambda items: torch.tensor(items) * 10)))
doubled = Squares(3, transform=lambda s: {**s, "x": s["x"] * 2})
print([s["x"] for s in doubled])
one_hot = [torch.zeros(4, dtype=torch.float).scatter_(0, torch.tensor(k), value=1) for k in (0, 3)]
print(torch.stack(one_hot))
