// Whether the objects of a YAML stream are what the Kubernetes API takes: by the schemas of
// @kubernetes-models/validate, which say what must be there and of which type, and by the types of
// the same models, under which a field that is misspelt is one that is not known.
//
//   node validate.mjs FILE          prints what is wrong; the status is 1 where anything is

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

// The package that has the models of a group.
function moduleOf(apiVersion) {
	if (apiVersion.startsWith("monitoring.coreos.com/"))
		return `@kubernetes-models/prometheus-operator/${apiVersion}`;
	return `kubernetes-models/${apiVersion}`;
}

async function schemaFault(object) {
	try {
		const model = (await import(moduleOf(object.apiVersion)))[object.kind];
		if (model === undefined) throw new Error("no such kind");
		new model(object).validate();
		return [];
	} catch (error) {
		return [`${object.kind} ${object.metadata?.name}: ${error.message}`];
	}
}

function typeFaults(objects) {
	const lines = objects.map(
		(each, number) =>
			`import type { I${each.kind} as T${number} } from "${moduleOf(each.apiVersion)}";\n` +
			`export const object${number}: T${number} = ${JSON.stringify(each, null, 1)};\n`,
	);
	writeFileSync("objects.ts", lines.join(""));
	const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"];
	const found = spawnSync("node_modules/.bin/tsc",
		[...options, "--module", "nodenext", "--moduleResolution", "nodenext", "objects.ts"],
		{ encoding: "utf8" });
	if (found.error) throw found.error;
	return found.status === 0 ? [] : [found.stdout];
}

const objects = parseAllDocuments(readFileSync(process.argv[2], "utf8")).map((each) => each.toJS());
const faults = [...(await Promise.all(objects.map(schemaFault))).flat(), ...typeFaults(objects)];
for (const each of faults) console.log(each);
process.exit(faults.length === 0 ? 0 : 1);
