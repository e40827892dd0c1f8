// SPDX-License-Identifier: GPL-2.0
// For rhino: threads of Java, each of which computes, allocates and sleeps now and then.
var steps = Number(arguments[0]), results = [], threads = [];

function work(n) {
	var sum = n, list = new java.util.ArrayList();

	for (var i = 0; i < steps; i++) {
		sum = (sum * 31 + i) % 1000003;
		if (i % 50 == 0)
			list.add("" + sum);
		if (i % 20000 == 0)
			java.lang.Thread.sleep(1);
	}
	results[n] = sum + " " + list.hashCode();
}

function start(n) {
	threads[n] = new java.lang.Thread(function () { work(n); });
	threads[n].start();
}

for (var n = 0; n < 4; n++)
	start(n);
for (n = 0; n < 4; n++)
	threads[n].join();
print(results.join("\n"));
