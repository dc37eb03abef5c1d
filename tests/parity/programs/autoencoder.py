"""An autoencoder with batch normalization, strided and transposed convolutions."""

import torch
from torch import nn

torch.manual_seed(0)


class AutoEncoder(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU(0.2),
            nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(32, latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32), nn.Unflatten(1, (8, 2, 2)), nn.ReLU(),
            nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z), z


net = AutoEncoder()
print(net)
data = (torch.rand(16, 1, 8, 8) > 0.5).float()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.5, 0.999))
for step in range(10):
    out, z = net(data)
    loss = nn.functional.binary_cross_entropy(out, data)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    print(f"step {step}: loss {loss.item():.4f}, gradient norm {norm:.4f}")
print(out.shape, z.shape, z[0])
net.eval()
with torch.no_grad():
    out, _ = net(data[:1])
print(out[0, 0, :2])
noise = torch.randn(2, 4)
mu, logvar = noise.chunk(2, dim=1)
sample = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
print(sample, -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()))
