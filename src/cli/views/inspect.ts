import type { InspectedContainer } from '../../containers/inspect.js';
import { jsonText, parseTemplate, renderTemplate, templateFunctions } from '../template/index.js';

/**
 * @param format A template; default: JSON, as docker indents it.
 * @throws {WarrenError} `ERR_TEMPLATE` when it cannot be parsed.
 */
export function inspectPrinter(format: string | undefined): (found: readonly InspectedContainer[]) => string {
  if (format === undefined || format === '') return (found) => `${jsonText(found, 4)}\n`;
  if (format === 'json') return (found) => `${jsonText(found)}\n`;
  const template = parseTemplate(format, { functions: Object.keys(templateFunctions) });
  return (found) => found.map((each) => `${renderTemplate(template, templateData(each))}\n`).join('');
}

/** What docker keeps in maps is a map for templates: a label that is not there is `<no value>`, not a mistake. */
function templateData(container: InspectedContainer): object {
  const { Config, HostConfig, GraphDriver, NetworkSettings, Warren } = container;
  return {
    ...container,
    // docker has it under this name too.
    ID: container.Id,
    Config: { ...Config, Labels: mapOf(Config.Labels) },
    HostConfig: {
      ...HostConfig,
      PortBindings: mapOf(HostConfig.PortBindings),
      Sysctls: mapOf(HostConfig.Sysctls),
      Tmpfs: mapOf(HostConfig.Tmpfs),
      LogConfig: { ...HostConfig.LogConfig, Config: mapOf(HostConfig.LogConfig.Config) },
    },
    GraphDriver: { ...GraphDriver, Data: mapOf(GraphDriver.Data) },
    NetworkSettings: {
      ...NetworkSettings,
      Ports: mapOf(NetworkSettings.Ports),
      Networks: mapOf(NetworkSettings.Networks),
    },
    Warren: { ...Warren, Cgroups: mapOf(Warren.Cgroups), Limits: mapOf(Warren.Limits) },
  };
}

function mapOf(object: object): Map<string, unknown> {
  return new Map(Object.entries(object));
}
