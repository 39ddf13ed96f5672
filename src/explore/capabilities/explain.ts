import { type Capability, capabilityNames, parseCapability } from '../../kernel/capabilities.js';
import { defaultSets } from './default-sets.js';
import { type CapabilityFacts, capabilityFacts } from './facts.js';

export interface CapabilityExplanation extends CapabilityFacts {
  readonly name: Capability;
  readonly bit: number;
  /** Whose default set has it. */
  readonly inDefaultsOf: readonly string[];
}

/**
 * @param text With or without `CAP_`, in any case.
 * @throws {WarrenError} `ERR_CAPABILITY_UNKNOWN`.
 */
export function explainCapability(text: string): CapabilityExplanation {
  const name = parseCapability(text);
  return {
    name,
    bit: capabilityNames.indexOf(name),
    ...capabilityFacts[name],
    inDefaultsOf: defaultSets
      .filter(({ capabilities }) => capabilities.includes(name))
      .map((set) => set.name),
  };
}
