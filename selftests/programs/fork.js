// SPDX-License-Identifier: GPL-2.0
// node and processes that it has forked: they talk over unix sockets.
const { fork } = require('child_process');
const rounds = Number(process.argv[2]), workers = 3;

if (process.argv[3] === 'worker') {
	process.on('message', ({ n, value }) => {
		for (let i = 0; i < 200000; i++)
			value = (value * 31 + n + i) % 1000003;
		process.send({ n, value });
	});
} else {
	const results = [];
	let ends = 0;

	for (let w = 0; w < workers; w++) {
		const child = fork(__filename, [process.argv[2], 'worker']);

		results[w] = [];
		child.on('message', ({ n, value }) => {
			results[w].push(value);
			if (n + 1 < rounds)
				child.send({ n: n + 1, value });
			else
				child.disconnect();
		});
		child.on('exit', (code, signal) => {
			if (code || signal)
				console.log(`worker ${w}: ${code} ${signal}`);
			if (++ends === workers)
				results.forEach((r) => console.log(r.length, r.join(' ')));
		});
		child.send({ n: 0, value: w });
	}
}
