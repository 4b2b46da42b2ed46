// Asks Cedar. Reads an array of calls of isAuthorized from the file argv[3], and prints
// the array of answers: {decision, reason: [ids], errors: [ids]}. argv[2] is the folder
// in which npm has put cedar-wasm.
const cedar = require(process.argv[2] + '/node_modules/@cedar-policy/cedar-wasm/nodejs');
const calls = JSON.parse(require('fs').readFileSync(process.argv[3]));
const answers = calls.map((call) => {
  const answer = cedar.isAuthorized(call);
  if (answer.type !== 'success') throw new Error(JSON.stringify(answer));
  const { decision, diagnostics } = answer.response;
  return {
    decision,
    reason: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map((error) => error.policyId).sort(),
  };
});
console.log(JSON.stringify(answers));
