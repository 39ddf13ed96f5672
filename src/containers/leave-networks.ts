/**
 * What the container had in its networks is free from now on; where it ends by itself, the next who needs it, or
 * `warren gc`, finds that. Who is in none does not load what networks need.
 *
 * @param root The state directory.
 */
export async function leaveNetworks(root: string, id: string): Promise<void> {
  const { giveBackNetworks } = await import('./network.js');
  await giveBackNetworks(root, id);
}
