// SPDX-License-Identifier: GPL-2.0
// A chain of digests and of buffers that other threads pack, by timers and events.
const crypto = require("crypto"), zlib = require("zlib");

const digest = (...parts) => {
	const hash = crypto.createHash("sha256");

	parts.forEach(part => hash.update(part));
	return hash.digest();
};

const step = (state, left) => {
	if (!left)
		return console.log(state.toString("hex"));
	for (let i = 0; i < 2000; i++)
		state = digest(state);
	zlib.deflate(Buffer.alloc(200000, state), (error, packed) => {
		setTimeout(step, 1, digest(state, packed), left - 1);
	});
};

step(digest("start"), Number(process.argv[2]));
