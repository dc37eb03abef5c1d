"""A classifier of small images from end to end: data, model, training, saving, prediction."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
classes = ["circle", "square", "star", "moon"]


def images(count):
    labels = torch.randint(0, len(classes), (count,))
    patterns = torch.stack([torch.eye(8), torch.eye(8).flip(0), torch.ones(8, 8).tril(), torch.ones(8, 8).triu(3)])
    return TensorDataset(patterns[labels].unsqueeze(1) + 0.3 * torch.randn(count, 1, 8, 8), labels)


training, testing = images(320), images(80)
train_dataloader = DataLoader(training, batch_size=32)
test_dataloader = DataLoader(testing, batch_size=32)
for X, y in test_dataloader:
    print(f"Shape of X [N, C, H, W]: {X.shape}")
    print(f"Shape of y: {y.shape} {y.dtype}")
    break

device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
print(f"Using {device} device")


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(8 * 8, 32),
            nn.ReLU(),
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Linear(32, len(classes)),
        )

    def forward(self, x):
        return self.linear_relu_stack(self.flatten(x))


model = NeuralNetwork().to(device)
print(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-1)


def train(dataloader):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        X, y = X.to(device), y.to(device)
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if batch % 4 == 0:
            print(f"loss: {loss.item():>7f}  [{(batch + 1) * len(X):>5d}/{size:>5d}]")


def test(dataloader):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    print(f"Accuracy: {100 * correct / len(dataloader.dataset):>0.1f}%, Avg loss: {test_loss / len(dataloader):>8f}")


for t in range(4):
    print(f"Epoch {t + 1}\n-------------------------------")
    train(train_dataloader)
    test(test_dataloader)

torch.save(model.state_dict(), "model.pth")
again = NeuralNetwork()
print(again.load_state_dict(torch.load("model.pth", weights_only=True)))
again.eval()
x, y = testing[0][0], testing[0][1]
with torch.no_grad():
    pred = again(x)
    print(f'Predicted: "{classes[pred[0].argmax(0)]}", Actual: "{classes[y]}"')
