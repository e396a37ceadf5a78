import argparse
import copy
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 6


class Grid:
    """Walk from a corner to the goal in the other one; each move costs a little."""

    def reset(self):
        self.r, self.c, self.t = random.randrange(SIZE), random.randrange(SIZE), 0
        return self.state()

    def state(self):
        grid = torch.zeros(SIZE * 2)
        grid[self.r], grid[SIZE + self.c] = 1, 1
        return grid

    def step(self, action):
        dr, dc = [(0, 1), (1, 0), (0, -1), (-1, 0)][action]
        self.r = min(max(self.r + dr, 0), SIZE - 1)
        self.c = min(max(self.c + dc, 0), SIZE - 1)
        self.t += 1
        done = self.r == SIZE - 1 and self.c == SIZE - 1
        return self.state(), (1.0 if done else -0.05), done


def play_greedy(q, episodes=100):
    env, wins = Grid(), 0
    for _ in range(episodes):
        state = env.reset()
        for _ in range(2 * SIZE):
            with torch.no_grad():
                state, _, done = env.step(int(q(state).argmax()))
            if done:
                wins += 1
                break
    return wins / episodes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    q_net = nn.Sequential(nn.Linear(2 * SIZE, 64), nn.ReLU(), nn.Linear(64, 4))
    target_net = copy.deepcopy(q_net)
    optimizer = torch.optim.Adam(q_net.parameters(), lr=2e-3)
    memory = deque(maxlen=5000)
    env, steps = Grid(), 0
    for epoch in range(args.epochs):
        epsilon = max(0.1, 1 - epoch / 4)
        for _ in range(20):
            state = env.reset()
            for _ in range(30):
                with torch.no_grad():
                    action = random.randrange(4) if random.random() < epsilon else int(q_net(state).argmax())
                following, reward, done = env.step(action)
                memory.append((state, action, reward, following, float(done)))
                state = following
                steps += 1
                if steps % 2 == 0 and len(memory) >= 200:
                    s, a, r, n, d = zip(*random.sample(memory, 64))
                    with torch.no_grad():
                        best = target_net(torch.stack(n)).max(1).values
                        goal = torch.tensor(r) + 0.95 * (1 - torch.tensor(d)) * best
                    value = q_net(torch.stack(s)).gather(1, torch.tensor(a).unsqueeze(1)).squeeze(1)
                    loss = F.smooth_l1_loss(value, goal)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    with torch.no_grad():
                        for slow, fast in zip(target_net.parameters(), q_net.parameters()):
                            slow.lerp_(fast, 0.02)
                if done:
                    break
        print(f"epoch {epoch}: epsilon {epsilon:.2f} loss {loss.item():.5f} wins {play_greedy(q_net, 30):.2f}")
    print(f"score {play_greedy(q_net):.4f}")


if __name__ == "__main__":
    main()
