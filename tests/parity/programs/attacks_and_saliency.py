"""FGSM attacks, saliency maps, Grad-CAM with hooks, Gram matrices for style, distillation from a teacher."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
X = torch.rand(160, 1, 12, 12) * 0.2
Y = torch.arange(160) % 4
for i, y in enumerate(Y):
    r, c = divmod(int(y), 2)
    X[i, :, r * 6 : r * 6 + 6, c * 6 : c * 6 + 6] += 0.6
loader = DataLoader(TensorDataset(X, Y), batch_size=20, shuffle=True)


class Net(nn.Module):
    def __init__(self, width=8):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, width, 3, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width * 2, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(width * 2 * 16, 16)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout2(x)
        return F.log_softmax(self.fc2(x), dim=1)


model = Net()
optimizer = optim.Adadelta(model.parameters(), lr=1.0)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(2):
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(f"epoch {epoch} loss {loss.item():.3f} lr {scheduler.get_last_lr()[0]:.2f}")
model.eval()


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = data_grad.sign()
    perturbed_image = image + epsilon * sign_data_grad
    return torch.clamp(perturbed_image, 0, 1)


def denorm(batch, mean=[0.1307], std=[0.3081]):
    if isinstance(mean, list):
        mean = torch.tensor(mean)
    if isinstance(std, list):
        std = torch.tensor(std)
    return batch * std.view(1, -1, 1, 1) + mean.view(1, -1, 1, 1)


print(denorm(X[:1]).shape, denorm(X[:1]).mean())
for eps in [0, 0.1, 0.4, 1.0]:
    correct = 0
    for data, target in DataLoader(TensorDataset(X[:40], Y[:40]), batch_size=1):
        data = data.clone()
        data.requires_grad = True
        output = model(data)
        init_pred = output.max(1, keepdim=True)[1]
        if init_pred.item() != target.item():
            continue
        loss = F.nll_loss(output, target)
        model.zero_grad()
        loss.backward()
        perturbed = fgsm_attack(data, eps, data.grad.data)
        if model(perturbed).max(1, keepdim=True)[1].item() == target.item():
            correct += 1
    print(f"Epsilon: {eps}\tTest Accuracy = {correct} / 40 = {correct / 40}")

# saliency
x = X[:4].clone().requires_grad_()
scores = model(x).gather(1, Y[:4].view(-1, 1)).squeeze()
scores.backward(torch.ones_like(scores))
saliency, _ = torch.max(x.grad.data.abs(), dim=1)
print(saliency.shape, saliency.flatten(1).argmax(1), saliency.mean())

# class activations
acts, grads = {}, {}
h1 = model.conv2.register_forward_hook(lambda m, i, o: acts.update(value=o.detach()))
h2 = model.conv2.register_full_backward_hook(lambda m, gi, go: grads.update(value=go[0].detach()))
out = model(X[:2])
out[range(2), out.argmax(1)].sum().backward()
weights = grads["value"].mean(dim=(2, 3), keepdim=True)
cam = F.relu((weights * acts["value"]).sum(1))
cam = cam / cam.amax(dim=(1, 2), keepdim=True)
print(cam.shape, acts["value"].shape, cam.max(), (cam > 0.5).sum())
h1.remove()
h2.remove()


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    G = torch.mm(features, features.t())
    return G.div(a * b * c * d)


class ContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def forward(self, input):
        self.loss = F.mse_loss(input, self.target)
        return input


target = gram_matrix(acts["value"]).detach()
image = torch.rand(1, 1, 12, 12).requires_grad_(True)
opt = optim.Adam([image], lr=0.05)
content = ContentLoss(model.bn1(model.conv1(X[:1])))
for step in range(5):
    with torch.no_grad():
        image.clamp_(0, 1)
    opt.zero_grad()
    f = content(model.bn1(model.conv1(image)))
    style = F.mse_loss(gram_matrix(model.conv2(F.relu(f))), target[:16, :16])
    total = 1000 * style + content.loss
    total.backward()
    opt.step()
    print(f"run {step}: style {style.item():.5f} content {content.loss.item():.4f}")

# a student learns from the teacher's soft targets
torch.manual_seed(1)
student = Net(width=2)
opt = optim.Adam(student.parameters(), lr=0.01)
T, soft_weight, ce_weight = 2, 0.25, 0.75
for epoch in range(2):
    student.train()
    running = 0.0
    for data, labels in DataLoader(TensorDataset(X, Y), batch_size=40):
        opt.zero_grad()
        with torch.no_grad():
            teacher_logits = model(data)
        logits = student(data)
        soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
        soft_prob = nn.functional.log_softmax(logits / T, dim=-1)
        soft_loss = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
        loss = soft_weight * soft_loss + ce_weight * F.cross_entropy(logits, labels)
        loss.backward()
        opt.step()
        running += loss.item()
    print(f"Epoch {epoch + 1}/2, Loss: {running / 4:.4f}")
print(
    "{:,} / {:,}".format(sum(p.numel() for p in student.parameters()), sum(p.numel() for p in model.parameters())),
    nn.CosineSimilarity(dim=1)(logits[:3], teacher_logits[:3]),
)
