"""Residual blocks with batch normalization, trained for a few steps."""

import torch
import torch.nn as nn


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.layer1 = self._make(4, 4, 2, 1)
        self.layer2 = self._make(4, 8, 2, 2)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.linear = nn.Linear(8, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def _make(self, before, after, count, stride):
        return nn.Sequential(
            *[BasicBlock(before if i == 0 else after, after, stride if i == 0 else 1) for i in range(count)]
        )

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.linear(torch.flatten(self.pool(x), 1))


torch.manual_seed(0)
net = ResNet()
print(net)
print(sum(p.numel() for p in net.parameters()), len(list(net.buffers())), len(net.state_dict()))
x, y = torch.randn(8, 3, 8, 8), torch.arange(8) % 4
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
for step in range(8):
    optimizer.zero_grad()
    loss = nn.CrossEntropyLoss()(net(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(f"step {step} loss {loss.item():.4f} lr {scheduler.get_last_lr()[0]:.5f}")
print(net.layer1[0].bn1.running_mean, net.layer2[0].shortcut[1].running_var, net.stem[1].num_batches_tracked)
for m in net.modules():
    if isinstance(m, BasicBlock):
        nn.init.zeros_(m.bn2.weight)
print(net.eval()(x[:2]))
