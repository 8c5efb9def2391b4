import { gatewayCommand } from "./command.ts";

await gatewayCommand(process.cwd()).parseAsync();
