/** The other end of `ClientProcess`: answers each question by the operation of that name. */
export function serve(operations) {
  process.on('message', async ({ id, operation, given }) => {
    try {
      const value = await operations[operation](given);
      process.send({ id, value });
    } catch (error) {
      process.send({ id, error: error?.stack ?? String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
}
