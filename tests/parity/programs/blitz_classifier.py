"""A classifier of small colour images: training, accuracy overall and by class."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(9)
classes = ("plane", "car", "bird")
prototypes = torch.randn(3, 3, 16, 16)
labels = torch.randint(3, (96,))
images = prototypes[labels] + 2 * torch.randn(96, 3, 16, 16)
data = torch.utils.data.TensorDataset(images, labels)
trainloader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True, num_workers=0)
testloader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.fc1 = nn.Linear(8 * 2 * 2, 24)
        self.fc2 = nn.Linear(24, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.bn(self.conv2(x))))
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


net = Net()
print(net)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
dataiter = iter(trainloader)
first, names = next(dataiter)
print(first.shape, " ".join(f"{classes[names[j]]:5s}" for j in range(8)))
for epoch in range(2):
    running_loss = 0.0
    for i, data in enumerate(trainloader, 0):
        inputs, targets = data
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % 4 == 3:
            print(f"[{epoch + 1}, {i + 1:5d}] loss: {running_loss / 4:.3f}")
            running_loss = 0.0
print("Finished Training")

torch.save(net.state_dict(), "net.pth")
net = Net()
net.load_state_dict(torch.load("net.pth", weights_only=True))
net.eval()
correct = total = 0
correct_pred = {name: 0 for name in classes}
total_pred = {name: 0 for name in classes}
with torch.no_grad():
    for inputs, targets in testloader:
        outputs = net(inputs)
        _, predicted = torch.max(outputs, 1)
        total += targets.size(0)
        correct += (predicted == targets).sum().item()
        for label, prediction in zip(targets, predicted):
            correct_pred[classes[label]] += int(label == prediction)
            total_pred[classes[label]] += 1
print(f"Accuracy: {100 * correct // total} %")
for name, count in correct_pred.items():
    print(f"Accuracy for class: {name:5s} is {100 * float(count) / total_pred[name]:.1f} %")
print(outputs[:2], predicted[:5])
