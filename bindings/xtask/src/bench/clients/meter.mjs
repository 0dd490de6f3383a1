// How much a Node client does: PROGRAM ADDRESS WINDOW BYTES WARM SECONDS.
//
// Every reply is looked at; one that is wrong or an error ends the program without a figure.

export const path = "/bench";
const [, , hosts, ...numbers] = process.argv;
const [inFlight, bytes, warm, seconds] = numbers.map(Number);
export const address = hosts;
export const window = inFlight;

const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const now = () => performance.now() / 1e3;

let operations = 0;
let until = now() + warm;
let mark;

/** Whether another batch is due. Prints the figures when none is. */
export function goesOn() {
  const time = now();
  if (time < until) return true;
  if (!mark) {
    mark = { operations, time, processor: processor() };
    until = time + seconds;
    return true;
  }
  const figures = {
    operations: operations - mark.operations,
    seconds: time - mark.time,
    processor: processor() - mark.processor,
  };
  console.log(JSON.stringify(figures));
  return false;
}

/** A reply has come. */
export function count(data) {
  if (data.length !== bytes) throw new Error(`${data.length} bytes instead of ${bytes}`);
  operations += 1;
}
